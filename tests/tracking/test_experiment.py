import json

import pytest

from pneumoray import tracking

STUDY = {
    "study": "demo",
    "config": {"name": "demo", "description": "Phantoms, to look at."},
    "pack": {"hash": "0" * 64, "path": "/packs/0", "num_train": 7, "num_val": 3, "num_test": 2},
}


@pytest.fixture
def replay(journal, settings):
    def replay():
        journal.append("study", **STUDY)
        tracking.replay(journal.path, settings)

    return replay


def names(client):
    return [experiment.name for experiment in client.search_experiments()]


def test_no_empty_experiment_stands_beside_the_studys(replay, client):
    assert names(client) == ["Default"]  # of MLflow, in every new database
    replay()
    assert names(client) == ["pneumoray-demo"]


def test_an_experiment_that_somebody_used_stays(replay, client):
    client.create_run("0")
    replay()
    assert set(names(client)) == {"pneumoray-demo", "Default"}


def test_its_page_shows_the_runs_of_this_journal_by_score_and_its_row_the_description(
    replay, client, journal
):
    replay()
    experiment = client.get_experiment_by_name("pneumoray-demo")
    assert experiment.tags["mlflow.note.content"] == "Phantoms, to look at."
    view = json.loads(experiment.tags["mlflow.sharedViewState.pneumoray"])
    assert (view["orderByKey"], view["orderByAsc"]) == ("metrics.`best_val_auroc`", False)
    (run,) = client.search_runs([experiment.experiment_id], view["searchFilter"])
    assert run.info.run_name == "demo"
    assert client.search_runs([experiment.experiment_id], order_by=[f"{view['orderByKey']} DESC"])


def test_nothing_is_left_in_the_current_folder(replay, tmp_path):
    replay()
    ours = {"mlflow.db", "mlartifacts", "studies", "workspace.json"}
    assert {path.name for path in tmp_path.iterdir()} == ours
