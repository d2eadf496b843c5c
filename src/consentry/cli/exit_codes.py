"""The exit codes of every command: part of the interface, so that scripts can trust them."""

from typing import Final

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
PROBLEMS_FOUND: Final = 3
TRY_LATER: Final = 4
TERMINATED: Final = 143
