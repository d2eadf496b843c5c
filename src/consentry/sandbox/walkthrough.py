"""The walk-through: the commands that the demo prints, the README shows, and `consentry demo --check` runs.

Owns the commands, their words, and what each must answer; how they are run is left to `checking`.
"""

import ast
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

Answers = Mapping[str, str]
DEMO_FILE: Final = "var/demo.json"


@dataclass(frozen=True, slots=True)
class Command:
    """One command as a person pastes it, perhaps over several lines.

    Once it has ended well, `holds` is asked with all answers so far, by `name`; `expected` says what it looks for.
    """

    text: str
    name: str = ""
    holds: Callable[[Answers], bool] = lambda _: True
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A title, a sentence or two in Markdown, and the commands that do what they say."""

    title: str
    words: str
    commands: tuple[Command, ...]


def _switched(answers: Answers) -> bool:
    """Tell whether one account went off and on again, and nothing else changed."""
    before = {account["nickname"]: account["enabled"] for account in json.loads(answers["consent"])["accounts"]}
    off, on = ast.literal_eval(answers["off"]), ast.literal_eval(answers["on"])
    changed = [name for name, shared in off.items() if shared is not before[name]]
    return on == before and len(changed) == 1 and before[changed[0]] is True


_PREPARATION: Final = Step(
    "Read what the demo wrote down",
    "First a little help to pick a value out of JSON, and what the demo wrote down:",
    (
        Command(
            r"""pick() { python3 -c "import json, sys, urllib.parse as u; d = json.load(sys.stdin); print($1)"; }"""
        ),
        Command(r"""JSON='Content-Type: application/json'"""),
        Command(r"""BASE=$(pick "d['base_url']" < var/demo.json)"""),
        Command(r"""BANK=$(pick "d['client_id'] + ':' + d['client_secret']" < var/demo.json)"""),
        Command(
            r"""CUSTOMER=$(pick "max(d['customers'], key=lambda c: c['sharing'])['customer_id']" < var/demo.json)"""
        ),
    ),
)
_TOKEN: Final = Step(
    "Request a token",
    "**Request a token** for one customer. The bank's server does this when the customer opens the page. The token "
    "lives five minutes.",
    (
        Command(
            r"""TOKEN=$(curl -sS -u "$BANK" "$BASE/api/v4/token" -H "$JSON" \
  -d '{"type": "consent_management", "scopes": "customer.modify_consent:'"$CUSTOMER"'"}' \
  | pick "d['access_token']")"""
        ),
        Command('AUTH="Authorization: Bearer $TOKEN"'),
    ),
)
_LIST: Final = Step(
    "List the apps",
    "**List** the apps that receive this customer's data, and when those that no longer do were stopped:",
    (
        Command(
            r'''curl -sS "$BASE/api/v4/consent_management" -H "$AUTH" \
  | pick "*(c['application_name'] + ': ' + (c['revoked_at'] or 'live') for c in d), sep='\n'"''',
            name="list",
            holds=lambda answers: ": live" in answers["list"],
            expected="at least one live consent",
        ),
    ),
)
_ONE: Final = Step(
    "Look at one consent",
    "Take one live consent, and an account it shares. This is **all of it**:",
    (
        Command(
            r"""CONSENT=$(curl -sS "$BASE/api/v4/consent_management" -H "$AUTH" \
  | pick "next(c['id'] for c in d for a in c['accounts'] if a['enabled'] and not c['revoked_at'])")"""
        ),
        Command(
            r"""ACCOUNT=$(curl -sS "$BASE/api/v4/consent_management/$CONSENT" -H "$AUTH" \
  | pick "next(u.quote(a['account_id'], safe='') for a in d['accounts'] if a['enabled'])")"""
        ),
        Command(
            r"""curl -sS "$BASE/api/v4/consent_management/$CONSENT" -H "$AUTH" | python3 -m json.tool""",
            name="consent",
            holds=lambda answers: json.loads(answers["consent"])["revoked_at"] is None,
            expected="a live consent as JSON",
        ),
    ),
)
_SWITCH: Final = Step(
    "Switch an account off and on",
    "**Switch that account off**, and on again. First the app can't read it any longer, then it can.",
    (
        Command(
            r'''curl -sS -X PUT "$BASE/api/v4/consent_management/$CONSENT/accounts/$ACCOUNT" -H "$AUTH" \
  -H "$JSON" -d '{"enabled": false}' | pick "{a['nickname']: a['enabled'] for a in d['accounts']}"''',
            name="off",
        ),
        Command(
            r'''curl -sS -X PUT "$BASE/api/v4/consent_management/$CONSENT/accounts/$ACCOUNT" -H "$AUTH" \
  -H "$JSON" -d '{"enabled": true}' | pick "{a['nickname']: a['enabled'] for a in d['accounts']}"''',
            name="on",
            holds=_switched,
            expected="one account to go off and on again, and the others to stay as they are",
        ),
    ),
)
_NEW_ACCOUNTS: Final = Step(
    "Share new accounts by themselves",
    "**Share new accounts by themselves**, as soon as the customer opens one:",
    (
        Command(
            r'''curl -sS -X PUT "$BASE/api/v4/consent_management/$CONSENT/accounts" -H "$AUTH" \
  -H "$JSON" -d '{"automatic_access": true}' | pick "d['auto_enable_future_accounts']"''',
            name="automatic",
            holds=lambda answers: answers["automatic"] == "True",
            expected="True",
        ),
    ),
)
_STOP: Final = Step(
    "Stop all sharing with an app",
    "**Stop all sharing** with this app. It can't be undone.",
    (
        Command(
            r'''curl -sS -X PUT "$BASE/api/v4/consent_management/$CONSENT/disable_app_sharing" -H "$AUTH" \
  | pick "d['application_name'], 'ended', d['revoked_at']"''',
            name="stopped",
            holds=lambda answers: " ended 2" in answers["stopped"],
            expected="the moment at which it ended",
        ),
    ),
)
_MORE: Final = Step(
    "See more in v6",
    "`v4` has exactly the fields that clients of MX's interface know. **`v6` says more**, for example what became of "
    "each consent, and who ended it:",
    (
        Command(
            r'''curl -sS "$BASE/api/v6/consent_management" -H "$AUTH" \
  | pick "*((c['status'], c['revoked_by'], c['application_name']) for c in d), sep='\n'"''',
            name="v6",
            holds=lambda answers: "('revoked', 'customer', " in answers["v6"],
            expected="the consent that the customer has just ended",
        ),
    ),
)
_REVOKE: Final = Step(
    "Revoke the token",
    "**Revoke the token** when the customer signs out. It is dead before the answer arrives; the list is refused.",
    (
        Command(
            r'''curl -sS -X DELETE "$BASE/api/v4/token/$TOKEN" -u "$BANK" | pick "'dead since', d['revoked_at']"''',
            name="revoked",
            holds=lambda answers: answers["revoked"].startswith("dead since 2"),
            expected="the moment of the token's death",
        ),
        Command(
            r"""curl -sS "$BASE/api/v4/consent_management" -H "$AUTH" | python3 -m json.tool""",
            name="refused",
            holds=lambda answers: json.loads(answers["refused"])["error"] == "invalid_token",
            expected="the refusal invalid_token",
        ),
    ),
)
_ROTATE: Final = Step(
    "Rotate the credentials",
    "**Rotate the credentials.** The secret of before works for another day, so that no server fails while the new one "
    "is handed round. Only the newest may rotate, and it is shown once: keep it.",
    (
        Command(
            r"""ROTATED=$(curl -sS -u "$BANK" "$BASE/api/v4/api_access_credentials" -H "$JSON" \
  -d '{"name": "consent_management"}')"""
        ),
        Command(
            r'''echo "$ROTATED" | pick "'the secret of before ends', d['previous_secret_expires_at']"''',
            name="rotated",
            holds=lambda answers: " ends 2" in answers["rotated"],
            expected="the moment at which the previous secret ends",
        ),
        Command(
            r"""SECRET=$(echo "$ROTATED" | pick "d['client_secret']") \
  && DEMO=$(pick "json.dumps({**d, 'client_secret': '$SECRET'}, indent=2)" < var/demo.json) \
  && echo "$DEMO" > var/demo.json"""
        ),
    ),
)
STEPS: Final = (_PREPARATION, _TOKEN, _LIST, _ONE, _SWITCH, _NEW_ACCOUNTS, _STOP, _MORE, _REVOKE, _ROTATE)


def as_markdown() -> str:
    """Give the walk-through as it stands in the README."""
    blocks = []
    for step in STEPS:
        commands = "\n".join(command.text for command in step.commands)
        blocks.append(f"{step.words}\n\n```bash\n{commands}\n```\n")
    return "\n".join(blocks)


def command_text(command: Command, demo_file: str) -> str:
    """Give the text of a command for a demo file that lies elsewhere; `demo_file` is quoted for the shell."""
    return command.text.replace(DEMO_FILE, demo_file)
