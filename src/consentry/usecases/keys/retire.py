"""Find the keys that nothing is stored under any more."""

from consentry.domain.refusal.operating import KeysStillUsed
from consentry.keyring import Keyring
from consentry.store.keys_in_use import SecretUnder, keys_in_use, secrets_under_others, staff_secrets_under_others
from consentry.usecases.services import Services


async def without_retired_keys(services: Services) -> Keyring:
    """Give the keyring without its older keys.

    Raises:
        KeysStillUsed: something live is stored under one of them; the sentence says what.
        TemporarilyUnavailable: the store can't be reached.
    """
    keyring = services.keyring
    async with services.session.begin() as connection:
        used = await keys_in_use(connection)
        secrets = await secrets_under_others(connection, keyring.current_pepper)
        of_staff = await staff_secrets_under_others(connection, keyring.current_pepper)
    if secrets:
        raise KeysStillUsed(_sentence(secrets))
    if of_staff:
        raise KeysStillUsed(
            f"{of_staff} sessions or set-up links of staff are still stored under older peppers: sessions end within"
            " 12 hours, links within 72, or sooner when they are used up. Try again then."
        )
    others = used.encryption_keys.keys() - {keyring.current_encryption_key}
    if others:
        raise KeysStillUsed(f"Keys are still stored under {', '.join(sorted(others))}.")
    return keyring.only(peppers=set(), encryption_keys=set())


def _sentence(secrets: list[SecretUnder]) -> str:
    shown = [
        f"{secret.display} of {secret.institution} ("
        + ("never used" if secret.last_used_at is None else f"last used {secret.last_used_at:%Y-%m-%d %H:%M}Z")
        + f", under {secret.pepper_id})"
        for secret in secrets[:5]
    ]
    more = f" and {len(secrets) - 5} more" if len(secrets) > 5 else ""
    return (
        f"Live secrets are still stored under older peppers: {', '.join(shown)}{more}. Each moves when it is next used;"
        " or rotate these credentials, and tokens of intermediaries, and let the old ones end."
    )
