"""MLflow's client, without its global state."""

from collections.abc import Iterator

from mlflow import MlflowClient
from mlflow.entities import Run, ViewType
from mlflow.store.artifact.artifact_repo import ArtifactRepository
from mlflow.store.artifact.artifact_repository_registry import get_artifact_repository

from pneumoray.tracking.locations import here
from pneumoray.tracking.settings import Settings


class Client(MlflowClient):
    """Of a database: writes files where they lie as seen from here, whatever the database says.

    So two machines that have a workspace at different places can write at the same time.
    """

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.tracking_uri, registry_uri=settings.tracking_uri)
        self._settings = settings

    def log_artifact(self, run_id: str, local_path: str, artifact_path: str | None = None) -> None:
        """As MLflow's, which logs texts and JSON through it as well, and remembers a run's place."""
        location = self.get_run(run_id).info.artifact_uri
        self._store_of(location).log_artifact(str(local_path), artifact_path)

    def log_model_artifacts(
        self, model_id: str, local_dir: str, artifact_path: str | None = None
    ) -> None:
        location = self.get_logged_model(model_id).artifact_location
        self._store_of(location).log_artifacts(local_dir, artifact_path)

    def _store_of(self, location: str) -> ArtifactRepository:
        return get_artifact_repository(here(self._settings, location), self._settings.tracking_uri)


def connect(settings: Settings) -> MlflowClient:
    """A client of its own: MLflow's global tracking URI, and its variable, are left alone."""
    if settings.is_database:
        return Client(settings)
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
