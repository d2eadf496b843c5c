"""Whether staged lines agree with each other and with what is stored: one question for each way in which they may not.

A single line's faults are found when it is read, by usecases/importing/lines.py. Of what is stored, faults quote times,
ids and applications, and nothing of a customer's accounts.
"""

from typing import Final

from consentry.domain.importing import MOST_FAULTS, Fault
from consentry.store.session import Connection

# Each takes $1 the institution and $2 whether it mirrors, and gives line, field and what was expected. What costs much
# is materialized, so that the limit put around a question does not change how it is answered.

_INSTITUTION: Final = """
select s.line, d.field, d.expected
from consentry.staged_institutions s
left join consentry.institutions i on i.institution_id = s.institution_id
cross join lateral (values
    ('type', 'one institution a file',
     s.line > (select min(f.line) from consentry.staged_institutions f where f.institution_id = $1)),
    ('name', format('%s, as it is stored', to_json(i.name)), s.name <> i.name),
    ('host', format('%s, as it is stored', coalesce(to_json(i.host)::text, 'null')),
     i.institution_id is not null and s.host is distinct from i.host)) as d (field, expected, is_fault)
where s.institution_id = $1 and d.is_fault and $2::boolean is not null
"""

_TWICE: Final = """
select t.line, t.field, format('an id that is given once; line %s has it too', t.first)
from (
    select line, 'intermediary_id' as field,
           row_number() over same as number, first_value(line) over same as first
    from consentry.staged_intermediaries where institution_id = $1 and origin = 'line' and $2::boolean is not null
    window same as (partition by intermediary_id order by line)
    union all
    select line, 'application_id', row_number() over same, first_value(line) over same
    from consentry.staged_applications where institution_id = $1
    window same as (partition by application_id order by line)
    union all
    select line, 'customer_id', row_number() over same, first_value(line) over same
    from consentry.staged_customers where institution_id = $1
    window same as (partition by customer_id order by line)
    union all
    select line, consentry.import_path(entry, 'id'), row_number() over same, first_value(line) over same
    from consentry.staged_consents
    where institution_id = $1 and consent_id in (
        select consent_id from consentry.staged_consents where institution_id = $1
        group by consent_id having count(*) > 1)
    window same as (partition by consent_id order by line, entry)
) as t
where t.number > 1
"""

_INTERMEDIARIES: Final = """
select s.line,
       case s.origin when 'line' then 'name' when 'application' then 'intermediary.name'
                     else consentry.import_path(s.entry, 'intermediary_name') end,
       format('%s, as %s', to_json(a.name), case a.line when 0 then 'it is stored' else 'on line ' || a.line end)
from consentry.staged_intermediaries s
join consentry.intermediaries_after_import($1, $2) a on a.intermediary_id = s.intermediary_id
where s.institution_id = $1 and s.name <> a.name
union all
select s.line, told.key, format('%s, as it is stored', a.settings -> told.key)
from consentry.staged_intermediaries s
join consentry.intermediaries_after_import($1, $2) a on a.intermediary_id = s.intermediary_id and a.line = 0
cross join lateral jsonb_each(s.settings) as told
where s.institution_id = $1 and told.value <> a.settings -> told.key
union all
select s.line, 'intermediary_id', 'the id of an intermediary of this file or of this institution'
from consentry.staged_applications s
where s.institution_id = $1 and s.intermediary_id is not null
  and not exists (select from consentry.intermediaries_after_import($1, $2) a
                  where a.intermediary_id = s.intermediary_id)
"""

_APPLICATIONS: Final = """
select s.line, d.field, format('%s, as it is stored', coalesce(to_json(d.stored)::text, 'null'))
from consentry.staged_applications s
join consentry.applications_after_import($1, $2) a on a.application_id = s.application_id and a.line = 0
cross join lateral (values
    ('name', a.name, s.name <> a.name),
    ('icon_url', a.icon_url, s.icon_url is distinct from a.icon_url),
    ('purpose', a.purpose, s.purpose <> a.purpose),
    ('category', a.category, s.category <> a.category),
    ('website', a.website, s.website <> a.website),
    ('intermediary_id', a.intermediary_id, s.intermediary_id is distinct from a.intermediary_id),
    ('status', a.status, s.status <> a.status)) as d (field, stored, is_fault)
where s.institution_id = $1 and d.is_fault
"""

_MENTIONS: Final = """
select m.line, consentry.import_path(m.entry, 'application_id'), 'an application of this file or of this institution'
from consentry.staged_mentions m
where m.institution_id = $1
  and not exists (select from consentry.applications_after_import($1, $2) a where a.application_id = m.application_id)
union all
select m.line, consentry.import_path(m.entry, d.field),
       format('%s, as %s', coalesce(to_json(d.told)::text, 'null'),
              case a.line when 0 then 'it is stored' else 'on line ' || a.line end)
from consentry.staged_mentions m
join consentry.applications_after_import($1, $2) a on a.application_id = m.application_id
left join consentry.intermediaries_after_import($1, $2) i on i.intermediary_id = a.intermediary_id
cross join lateral (values
    ('application_name', a.name, m.name <> a.name),
    ('application_icon_url', a.icon_url, m.icon_stated and m.icon_url is distinct from a.icon_url),
    ('intermediary_name', i.name, m.intermediary_stated and m.intermediary_name is distinct from i.name))
    as d (field, told, is_fault)
where m.institution_id = $1 and d.is_fault
"""

_CUSTOMERS: Final = """
select s.line, 'accounts', 'the accounts that are stored, in their order'
from consentry.staged_customers s
join consentry.customers k on k.institution_id = s.institution_id and k.customer_id = s.customer_id
where s.institution_id = $1 and not $2::boolean and s.accounts <> k.accounts
"""

_ACCOUNTS: Final = """
with doubtful as materialized (
    select l.line, l.entry, l.accounts, s.line as told_on, coalesce(s.accounts, k.accounts) as known
    from consentry.staged_account_lists l
    left join consentry.staged_customers s on s.institution_id = $1 and s.customer_id = l.customer_id
    left join consentry.customers k on k.institution_id = $1 and k.customer_id = l.customer_id and not $2::boolean
    where l.institution_id = $1 and not coalesce(s.accounts, k.accounts) @> l.accounts
)
select d.line,
       consentry.import_path(d.entry, format(
           case when w.has_id then 'accounts[%s]' else 'accounts[%s].account_id' end, e.place - 1)),
       case when w.has_id then 'the account as ' else 'an account of this customer, as ' end
       || case when d.told_on is null then 'it is stored' else 'on line ' || d.told_on end
from doubtful d
cross join lateral jsonb_array_elements(d.accounts) with ordinality as e (account, place)
cross join lateral (
    select d.known @> jsonb_build_array(jsonb_build_object('account_id', e.account -> 'account_id')) as has_id) as w
where not d.known @> jsonb_build_array(e.account)
"""

_WORDINGS: Final = """
with several as materialized (
    select l.line, l.entry, l.customer_id, l.accounts
    from consentry.staged_account_lists l
    where l.institution_id = $1
      and l.customer_id in (select customer_id from consentry.staged_account_lists
                            where institution_id = $1 group by customer_id having count(*) > 1)
      and not exists (select from consentry.staged_customers s
                      where s.institution_id = $1 and s.customer_id = l.customer_id)
      and not exists (select from consentry.customers k
                      where k.institution_id = $1 and k.customer_id = l.customer_id and not $2::boolean)
), told as (
    select s.line, s.entry, e.place, e.account,
           first_value(e.account) over same as first, first_value(s.line) over same as first_line
    from several s
    cross join lateral jsonb_array_elements(s.accounts) with ordinality as e (account, place)
    window same as (partition by s.customer_id, e.account ->> 'account_id' order by s.line, s.entry, e.place)
)
select line, consentry.import_path(entry, format('accounts[%s]', place - 1)),
       format('the account as on line %s', first_line)
from told
where account <> first
"""

_CONSENTS: Final = """
select d.line,
       consentry.import_path(d.entry, case c.name when 'auto_share' then 'auto_enable_future_accounts'
                                                     when 'shared_accounts' then 'accounts' else c.name end),
       case when d.has_ended and not d.ends then 'a consent that has ended, as it is stored: an import never revives'
            when c.name in ('shared_accounts', 'data_clusters') then 'the same as is stored'
            else format('%s, as it is stored', coalesce((d.stored -> c.name)::text, 'null')) end
from consentry.staged_differences d
cross join lateral unnest(d.columns) as c (name)
where d.institution_id = $1 and (not ($2::boolean and d.read_only) or c.name = 'customer_id')
"""

_QUESTIONS: Final = (
    _INSTITUTION,
    _TWICE,
    _INTERMEDIARIES,
    _APPLICATIONS,
    _MENTIONS,
    _CUSTOMERS,
    _ACCOUNTS,
    _WORDINGS,
    _CONSENTS,
)


async def find_faults(connection: Connection, institution_id: int, *, mirror: bool) -> list[Fault]:
    """Give the first 20 faults of what is staged, in the order of the lines; none means that it can be published."""
    found: list[Fault] = []
    for question in _QUESTIONS:
        rows = await connection.fetch(f"{question} order by 1, 2 limit {MOST_FAULTS}", institution_id, mirror)
        found += [Fault(*row) for row in rows]
    return sorted(found, key=lambda fault: fault.line)[:MOST_FAULTS]
