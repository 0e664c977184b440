"""What goes wrong on a person's machine, told as one sentence and what to do about it."""

from __future__ import annotations


class StackError(Exception):
    """The embedded stack or a command cannot go on.

    Parameters
    ----------
    message
        One sentence for a person: what is wrong, with the name of the thing.
    cure
        What to do about it; empty when nothing sensible can be advised.
    exit_code
        What the process answers: 1 for a failure, 2 for a wrong call.
    """

    def __init__(self, message: str, *, cure: str = "", exit_code: int = 1) -> None:
        super().__init__(f"{message} {cure}".strip())
        self.exit_code = exit_code
