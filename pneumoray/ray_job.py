"""Inside a Ray job the current folder is not the one that it was submitted from."""

import json
import os
from pathlib import Path

VARIABLE = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # Ray sets it for the process that a job starts


def is_inside() -> bool:
    """Whether this process is a Ray job."""
    return VARIABLE in os.environ


def why_misplaced(path: Path | str) -> str:
    """What is wrong with a path that a user gave, as it stands in this job; '' where nothing is.

    A job that was submitted with a working folder begins in a copy of it; any other begins where
    the cluster was started, so there a relative path means nothing.
    """
    if not is_inside() or Path(path).expanduser().is_absolute():
        return ""
    config = json.loads(os.environ[VARIABLE] or "{}")
    if (config.get("runtime_env") or {}).get("working_dir"):
        return ""
    return (
        f"{path} is a relative path, and a Ray job does not know the folder that it was submitted "
        "from: give an absolute path that the head sees, or send a small folder along with "
        "'ray job submit --working-dir FOLDER'"
    )
