"""Texts as long as MLflow takes them. What is longer is cut, and says so."""

# MLflow's own limits (mlflow/utils/validation.py), and where it has none, the columns of its database:
# SQLite takes more than they say, PostgreSQL and MySQL refuse the whole request.
PARAM = 6000
TAG = 8000
RUN_NAME = 250
EXPERIMENT_TAG = 20_000
DESCRIPTION = 5000  # of a registered model, and of a version of one
VERSION_TAG = 5000


def cut(text: str, longest: int) -> str:
    """`text`, in at most `longest` characters: of a longer one its beginning, and how long it was."""
    if len(text) <= longest:
        return text
    end = f" ... ({len(text):,} characters)"
    return text[: longest - len(end)] + end
