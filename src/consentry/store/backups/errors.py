"""The one exception of backups and restores.

Owns how a failure is told apart (`code`) and explained (`sentence`); who prints it is left to the command line.
"""


class BackupError(Exception):
    """A backup can't be made, read or restored; `code` is stable, `sentence` says why and what to do."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
