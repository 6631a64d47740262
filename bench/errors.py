"""Errors that a user can mend.

Every message is one line that names the thing at fault and the way out. The command line
prints it without a traceback and ends with exit code 2.
"""


class InputError(Exception):
    """The input (a file, a config key, a name, a data set) is wrong, and the user can mend it."""


def first_line(error: BaseException) -> str:
    """``RuntimeError: what it says``, cut after the first line; for messages of one line."""
    lines = str(error).splitlines()
    name = type(error).__name__
    return f"{name}: {lines[0]}" if lines else name
