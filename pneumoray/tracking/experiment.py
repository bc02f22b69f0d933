"""The experiment of a study in MLflow: found, or created."""

from mlflow import MlflowClient
from mlflow.entities import Experiment, ViewType

from pneumoray.tracking import lengths, view
from pneumoray.tracking.locations import as_uri
from pneumoray.tracking.settings import Settings

_KIND = "mlflow.experimentKind"  # what MLflow's pages show first: training runs, not traces


def find_or_create(client: MlflowClient, settings: Settings, study: str, search: str) -> str:
    """The id of the study's experiment, whose page shows first what `search` finds.

    One that was deleted is restored.
    """
    state = view.state(search)
    name = settings.experiment_name(study)
    found = client.get_experiment_by_name(name)
    if found is None:
        return _create(client, settings, name, state)
    if found.lifecycle_stage == "deleted":
        client.restore_experiment(found.experiment_id)
    if found.tags.get(view.TAG) != state:
        client.set_experiment_tag(found.experiment_id, view.TAG, state)
    return found.experiment_id


def describe(client: MlflowClient, experiment_id: str, text: str) -> None:
    """Set what MLflow's list of experiments says of it."""
    text = lengths.cut(text, lengths.EXPERIMENT_TAG)
    client.set_experiment_tag(experiment_id, "mlflow.note.content", text)


def _create(client: MlflowClient, settings: Settings, name: str, state: str) -> str:
    location = None
    if settings.is_database:
        _remove_default(client)
        location = as_uri(settings.artifacts)
    tags = {_KIND: "custom_model_development", view.TAG: state}
    return client.create_experiment(name, location, tags=tags)


def _remove_default(client: MlflowClient) -> None:
    """Delete the experiment that MLflow puts into a new database, unless somebody used it."""
    everything = client.search_experiments(ViewType.ALL)
    active = [one for one in everything if one.lifecycle_stage == "active"]
    if len(everything) == 1 and [one.name for one in active] == [
        Experiment.DEFAULT_EXPERIMENT_NAME
    ]:
        (default,) = active
        if not client.search_runs([default.experiment_id], run_view_type=ViewType.ALL):
            client.delete_experiment(default.experiment_id)
