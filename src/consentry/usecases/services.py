"""What use cases work with: the store, the keys, and randomness, put together by wiring.py."""

from collections.abc import Callable
from dataclasses import dataclass

from consentry.keyring import Keyring
from consentry.store.consents import ConsentReader
from consentry.store.credentials import FailedSignIns
from consentry.store.session import Session
from consentry.store.tokens import TokenIssuer
from consentry.usecases.consent.changes import ConsentChanges
from consentry.usecases.token.signing_keys import SigningKeys
from consentry.usecases.token.verify import TokenVerifier


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running installation; `choose` picks one character of a string, unpredictably."""

    session: Session
    keyring: Keyring
    choose: Callable[[str], str]
    signing_keys: SigningKeys
    verifier: TokenVerifier
    issuer: TokenIssuer
    failed_sign_ins: FailedSignIns
    reader: ConsentReader
    changes: ConsentChanges
