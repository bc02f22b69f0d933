"""What a terminal or log can't show is written in ASCII, so that no character ever stops a command."""

import codecs
import io
import re
import sys

_HANDLER = "pneumoray"
_IN_ASCII = str.maketrans(
    {"±": "+-", "·": "-", "×": "x", "…": "...", "–": "-", "—": "-", "→": "->"}
)
# What moves the cursor, begins another line or turns the direction of writing.
_CONTROL = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u2028\\u2029\\u202a-\\u202e\\u2066-\\u2069]")


def _in_ascii(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end].translate(_IN_ASCII)
    return lost.encode("ascii", "backslashreplace").decode(), error.end


codecs.register_error(_HANDLER, _in_ascii)


def make_streams_print_all() -> None:
    r"""Have stdout and stderr write '+-' for '±' and '\ud3d0' for '폐' where their encoding has neither."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)


def as_printed(text: str) -> str:
    """The text as stdout will show it: what a column must be wide enough for."""
    encoding = sys.stdout.encoding or "utf-8"
    return text.encode(encoding, _HANDLER).decode(encoding)


def without_control(text: str) -> str:
    r"""The text with '\x1b' for an escape and '\n' for a line break: a name can't steer a terminal."""
    return _CONTROL.sub(lambda found: ascii(found[0])[1:-1], text)
