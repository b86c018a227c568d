"""The exit codes of all commands: one number means one thing, whichever command ends with it."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """As systemctl has them, where it has such a case."""

    DONE = 0
    NOT_DONE = 1
    USAGE = 2
    NO_DAEMON = 3
    NOT_TOLD = 4
    INTERRUPTED = 130
    CLOSED_PIPE = 141
    """Both are 128 and the number of the signal, as a shell has it."""


MEANINGS: dict[ExitCode, str] = {
    ExitCode.DONE: "it was done, or all is right",
    ExitCode.NOT_DONE: "it was not done, or something is wrong: the output says what",
    ExitCode.USAGE: "wrong usage, or a file that the command works by cannot be used",
    ExitCode.NO_DAEMON: "no daemon answers",
    ExitCode.NOT_TOLD: "the daemon does not answer you: no right, or it is busy",
    ExitCode.INTERRUPTED: "Ctrl-C",
    ExitCode.CLOSED_PIPE: "who reads the output has ended, as head does",
}
"""What they mean in general. Each command's help says what those mean that it ends with."""
