"""MLflow's client, without its global state."""

from collections.abc import Iterator

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType

from pneumoray.tracking.settings import Settings


def connect(settings: Settings) -> MlflowClient:
    """A client of its own: MLflow's global tracking URI, and its variable, are left alone."""
    return MlflowClient(settings.tracking_uri, registry_uri=settings.tracking_uri)


def search(
    client: MlflowClient, experiment_id: str, text: str, which: int = ViewType.ACTIVE_ONLY
) -> Iterator[Run]:
    """Every run of the experiment that the filter `text` finds; `which`: also deleted ones."""
    token = None
    while True:
        page = client.search_runs([experiment_id], text, which, page_token=token)
        yield from page
        if not (token := page.token):
            return
