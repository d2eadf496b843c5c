"""The client secret of a provider, as both kinds of providers are stored with."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SealedSecret:
    """A client secret as it is stored: encrypted, and the id of the key that it is encrypted under."""

    sealed: bytes = field(repr=False)
    under: str
