"""MLflow is imported where it is needed (2 s), as it should be, and quiet."""

import importlib
import logging
import warnings
from typing import Any

from pneumoray.tracking.settings import prepare_environment


def with_mlflow(name: str) -> Any:
    """The module `name` of this package, with MLflow imported, and kept quiet."""
    prepare_environment()
    # what MLflow's own modules warn of is nothing that a user of pneumoray can mend
    warnings.filterwarnings("ignore", module=r"(mlflow|sqlalchemy|alembic)\b")
    module = importlib.import_module(f"pneumoray.tracking.{name}")
    for logger in ("mlflow", "alembic", "urllib3.connectionpool"):  # MLflow's import sets them
        logging.getLogger(logger).setLevel(logging.ERROR)
    return module
