"""Where MLflow's database says that files lie, and where they lie now.

MLflow writes absolute locations, of experiments, runs and models. A workspace that was moved, copied,
or is mounted elsewhere has its files beside its database, and the database says otherwise.
"""

import json
import os
import sqlite3
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pneumoray.errors import TrackingError
from pneumoray.tracking.settings import Settings

_TIMEOUT_SECONDS = 20.0  # another process may be writing
_COLUMNS = (
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
    ("experiments", "artifact_location"),
    ("trace_tags", "value"),
)
_STALE = 'SELECT 1 FROM "{0}" WHERE "{1}" IS NOT NULL AND here("{1}") <> "{1}" LIMIT 1'
_UPDATE = 'UPDATE "{0}" SET "{1}" = here("{1}") WHERE "{1}" IS NOT NULL AND here("{1}") <> "{1}"'
# Of an old place that was made anew, what says that it moved are its runs.
_FOLLOW = """
    UPDATE experiments SET artifact_location = :home WHERE experiment_id IN
    (SELECT experiment_id FROM runs WHERE substr(artifact_uri, 1, length(:home) + 1) = :home || '/')
"""


def here(settings: Settings, uri: str) -> str:
    """The location `uri`, or where its files lie now: in `settings.artifacts`, if they moved there.

    They did where they are found there; else where the old place is gone, or has the database that
    this one is a copy of. What lies anywhere else is left as it is.
    """
    path, artifacts = path_of(uri), path_of(settings.artifacts)
    if path is None or artifacts is None or path.is_relative_to(artifacts):
        return uri
    old = next((one for one in (path, *path.parents) if one.name == artifacts.name), None)
    if old is None or _is_same(old, artifacts):  # the same by another name: through a link, say
        return uri
    new = artifacts / path.relative_to(old)
    is_found = path != old and os.path.exists(new)
    return new.as_uri() if is_found or _moved_along(settings.database, old, artifacts) else uri


def bring_here(settings: Settings) -> str:
    """Make a SQLite database say where its files lie now; the line to tell, '' where nothing moved.

    Raises TrackingError where that can't be written.
    """
    database, artifacts = settings.database, path_of(settings.artifacts)
    if database is None or artifacts is None or not database.is_file():
        return ""
    try:
        with closing(sqlite3.connect(database, _TIMEOUT_SECONDS, isolation_level=None)) as opened:
            opened.create_function("here", 1, lambda uri: here(settings, uri))
            opened.create_function("relative", 1, _relative)
            known = [one for one in _COLUMNS if _has(opened, *one)]
            if not any(opened.execute(_STALE.format(*one)).fetchone() for one in known):
                return ""
            opened.execute("BEGIN IMMEDIATE")  # by SQL, as MLflow has no call for it
            for one in known:
                opened.execute(_UPDATE.format(*one))
            if ("runs", "artifact_uri") in known:
                opened.execute(_FOLLOW, {"home": artifacts.as_uri()})
            if _has(opened, "datasets", "dataset_source"):
                opened.execute("UPDATE datasets SET dataset_source = relative(dataset_source)")
            opened.execute("COMMIT")
    except sqlite3.Error as error:
        raise TrackingError(
            f"MLflow's database {database} was moved, and can't be told where its files lie now "
            f"({error}); run the command again when nothing else uses it"
        ) from None
    return f"moved: MLflow's database says from now on that its files lie in {artifacts}"


def warning(settings: Settings) -> str:
    """What MLflow can't do with files where the settings put them; '' of nearly every place."""
    if "://" in settings.artifacts or unquote(settings.artifacts) == settings.artifacts:
        return ""
    return (
        f"MLflow reads '%' and two digits in {settings.artifacts} as another character when it loads a "
        "model: give its load_model a dst_path, or name a workspace without them"
    )


def as_uri(location: str) -> str:
    """A folder's path as a URI; of a bucket, that is one already."""
    return location if "://" in location else Path(location).as_uri()


def _has(opened: sqlite3.Connection, table: str, column: str) -> bool:
    """Whether this version of MLflow has it."""
    return any(row[1] == column for row in opened.execute(f'PRAGMA table_info("{table}")'))


def _relative(source: str) -> str:
    """The source of a data set, its Pack named relative to the workspace."""
    try:
        values = json.loads(source)
        pack = Path(values["uri"])
    except (ValueError, KeyError, TypeError):  # not ours
        return source
    is_ours = pack.is_absolute() and pack.parent.name == "packs"
    return json.dumps(values | {"uri": f"packs/{pack.name}"}) if is_ours else source


def path_of(location: str) -> Path | None:
    """The path that a location on this machine names; None of any other, as of a bucket."""
    if location.startswith("file:"):
        return Path(unquote(urlsplit(location).path))
    return Path(location) if location.startswith("/") else None


def _is_same(one: Path, other: Path) -> bool:
    return os.path.exists(one) and os.path.exists(other) and os.path.samefile(one, other)


def _moved_along(database: Path | None, old: Path, artifacts: Path) -> bool:
    """Whether the database stood beside `old` as it stands beside `artifacts`, and came along."""
    if database is not None:
        before = Path(os.path.normpath(old / os.path.relpath(database, artifacts)))
        if os.path.exists(before):  # the original of a copy, or the very same
            return not _is_same(before, database)
    return not os.path.exists(old)
