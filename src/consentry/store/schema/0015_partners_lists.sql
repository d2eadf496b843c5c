-- Partners list their institutions by name, page by page.

create index institutions_of_partner_by_name
    on consentry.institutions (partner_id, (lower(name) collate "C"), public_id) where partner_id is not null;
