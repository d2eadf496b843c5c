"""Every reason for which the product says no: what they share is here, each is in the module of what it is about.

A refusal has a stable code and a sentence that tells the caller what to do. How a surface answers it (an HTTP status,
an exit code) is decided by that surface, in web/errors.py and cli/.
"""

from typing import ClassVar


class Refusal(Exception):
    """A request that is refused: nothing was changed.

    Attributes:
        code: the stable code, part of the public interface.
        sentence: what is wrong and what to do, fit for anybody to read; never a secret.
    """

    code: ClassVar[str] = "refused"
    sentence: ClassVar[str] = "The request was refused."

    def __init__(self, sentence: str | None = None) -> None:
        super().__init__(sentence or self.sentence)

    @property
    def description(self) -> str:
        """Give the sentence for the caller."""
        return str(self)
