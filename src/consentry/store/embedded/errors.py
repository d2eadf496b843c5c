"""The one exception of the embedded server.

Owns how a failure to run it is told apart (`code`) and explained (`sentence`); who prints it is left to the caller.
"""


class EmbeddedPostgresError(Exception):
    """The embedded PostgreSQL cannot run; `code` is stable, `sentence` says why and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
