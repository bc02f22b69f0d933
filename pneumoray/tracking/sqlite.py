"""A SQLite file as the URI that MLflow takes, and back. Nothing else pastes or cuts such a URI.

SQLAlchemy (2.1 and newer) takes what stands behind the slashes for a quoted path.
"""

from pathlib import Path
from urllib.parse import quote, unquote

_PLAIN = "sqlite:///"
# MLflow makes the folder of what is named plainly, without undoing the quotes: beside the real one.
_QUOTED = "sqlite+pysqlite:///"
_BY_SQLITE, _FILE = (
    "uri=true",
    "file:",
)  # then SQLite itself reads options, and undoes quotes once more


def uri_of(path: Path, query: str = "") -> str:
    """The URI of the file at `path`: plain wherever that means the same."""
    text, options = str(path), f"?{query}" if query else ""
    if _BY_SQLITE in query:
        return _QUOTED + quote(_FILE + quote(text)) + options
    is_plain = unquote(text) == text and "?" not in text
    return (_PLAIN + text if is_plain else _QUOTED + quote(text)) + options


def path_of(uri: str) -> Path | None:
    """The file that a URI names, None where it is no SQLite file's."""
    scheme, _, rest = uri.partition(":///")
    if scheme.partition("+")[0] != "sqlite":
        return None
    text = unquote(rest.partition("?")[0])
    return Path(unquote(text.removeprefix(_FILE)) if text.startswith(_FILE) else text)
