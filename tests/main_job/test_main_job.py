"""The main job: a study is trained and voted once; the tests look at what came out."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

import pneumoray
from pneumoray import checkpoint
from pneumoray.errors import WorkspaceError
from pneumoray.predictions import Predictions
from pneumoray.stages.evaluate import evaluate
from pneumoray.terminal.main import main

CHAMPION = "pneumoray-tiny-resnet@champion"
ENSEMBLE = "pneumoray-tiny-ensemble/1"  # the alias may move to one that another test votes
LAYERS = "C4-P-F-D8-D"  # a third family
READ_MLFLOW = """
import json, sys, mlflow
uri, models, *paths = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = mlflow.MlflowClient()
experiment = client.get_experiment_by_name("pneumoray-tiny")
runs = client.search_runs([experiment.experiment_id])
files = [open(path, "rb").read() for path in paths]
probs = {}
for model in models.split(","):
    table = mlflow.pyfunc.load_model(f"models:/{model}").predict(files)
    probs[model] = table.filter(like="prob_").to_numpy().tolist()
print(json.dumps({
    "runs": [[r.info.status, dict(r.data.tags), dict(r.data.metrics)] for r in runs],
    "models": sorted(m.name for m in client.search_registered_models()),
    "probs": probs,
}))
"""


@pytest.fixture(scope="module")
def trained(make_job):
    """A job whose study is trained and voted; tests look at it, none changes what is looked at."""
    job = make_job()
    study = job.folder / "tiny.yaml"
    third = f"{{backbone: {LAYERS}, grid: {{optimizer: [adamw], lr: [1e-3]}}}}"
    study.write_text(study.read_text().replace("backbones: [", f"backbones: [{third}, "))
    _, job.said = job.train()
    _, job.refused = job.run("ensemble", "--top", "4", code=1)
    job.was_opened = (job.workspace / "openings.jsonl").exists()
    out, _ = job.run("ensemble", "--top", "3", "--json")
    job.report = json.loads(out)
    job.rows = job.leaderboard()
    return job


@pytest.fixture(scope="module")
def val(trained) -> Predictions:
    """The best ResNet's validation predictions."""
    best = next(row for row in trained.rows if row["family"] == "resnet")
    return checkpoint.val_predictions(trained.study / "trials" / best["trial"])


@pytest.fixture(scope="module")
def in_mlflow(trained, val):
    """What another process finds in MLflow: runs, models, and their probs of 20 of `val`."""
    return trained.ask(
        READ_MLFLOW,
        f"sqlite:///{trained.workspace / 'mlflow.db'}",
        f"{CHAMPION},{ENSEMBLE}",
        *(str(trained.data / image_id) for image_id in val.image_ids[:20]),
    )


def test_the_race_cuts_and_the_final_ends_what_it_kept(trained):
    assert {(row["backbone"], row["outcome"], row["epochs"]) for row in trained.rows} == {
        ("resnet10t", "trained", 3),
        ("resnet10t", "cut", 1),
        ("mobilenetv3_small_050", "trained", 3),
        (LAYERS, "trained", 3),
    }
    assert all(row["status"] == "FINISHED" and row["run_id"] for row in trained.rows)
    assert [row["stage"] for row in trained.rows if row["outcome"] == "cut"] == ["race"]
    scores = [row["val_auroc"] for row in trained.rows]
    assert scores == sorted(scores, reverse=True)
    assert all(row["time_seconds"] > 0 for row in trained.rows)


def test_no_epoch_is_trained_twice(trained):
    epochs = trained.epochs()
    assert len(epochs) == len(set(epochs)) == 3 + 1 + 3 + 3


def test_the_report_has_vote_and_members_at_both_thresholds(trained):
    report = trained.report
    families = {member["family"] for member in report["members"]}
    assert families == {"resnet", "mobilenetv3", "layers"}
    assert report["test_openings"] == 1
    for model in (report["vote"], *report["members"]):
        for scores in (model, model["at_half"]):
            assert all(
                0 <= scores[name] <= 1
                for name in ("auroc", "accuracy", "sensitivity", "specificity")
            )
            low, high = scores["intervals"]["auroc"]
            assert low <= scores["auroc"] <= high


def test_a_vote_of_fewer_families_than_asked_is_refused_before_test_is_opened(trained):
    line = trained.refused.splitlines()[-1]
    assert "--top 4 asks for 4 families, and only 3 are trained to the end" in line
    assert "vote with --top 3" in line
    assert "--any-family" in line
    assert not trained.was_opened


def test_the_next_command_can_be_typed_as_it_is_said(trained):
    assert "pneumoray ensemble --top 3\n" in trained.said


def test_the_vote_is_the_mean_of_its_members(trained):
    """Against an independent reading of the bundles: each member alone, on the test files."""
    folder = trained.study / "ensembles" / trained.report["ensemble"]
    tested = Predictions.load(folder / "test_predictions.csv")
    bundle = pneumoray.load_bundle(str(folder / "bundle"))
    files = [(trained.data / image_id).read_bytes() for image_id in tested.image_ids[:20]]
    single = [
        pneumoray.load_bundle(trained.study / "models" / family).predict_probs(files)
        for family in ("resnet", "mobilenetv3", "layers")
    ]
    logits = np.log(np.mean(single, axis=0)) / bundle.temperature
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(bundle.predict_probs(files), expected, atol=1e-5)
    np.testing.assert_allclose(tested.probs[:20], expected, atol=1e-5)


def test_predict_gives_the_saved_test_predictions_to_the_last_digit(trained):
    saved = trained.study / "ensembles" / trained.report["ensemble"] / "test_predictions.csv"
    tested = Predictions.load(saved)
    openings = trained.workspace / "openings.jsonl"
    before = openings.read_text()
    bundle = str(saved.parent / "bundle")
    out, _ = trained.run("predict", str(saved), "--model", bundle, "--csv")
    table = pd.read_csv(io.StringIO(out))
    assert table["file"].tolist() == tested.images["path"].tolist()
    assert table[["prob_NORMAL", "prob_PNEUMONIA"]].to_numpy().tolist() == tested.probs.tolist()
    assert openings.read_text() == before  # no label was looked at
    with pytest.raises(WorkspaceError, match="can't be written"):
        evaluate(trained.data, bundle, save=saved.parent)
    assert openings.read_text() == before
    model = pneumoray.load_model("tiny", workspace=trained.workspace)
    again = model.predict(str(trained.data / "test"))
    assert again["error"].isna().all()
    assert set(again["predicted"]) == {"NORMAL", "PNEUMONIA"}


def test_evaluate_finds_again_what_the_report_says(trained):
    """The bundle, from the files on disk, against the members' batches from the Pack."""
    bundle = trained.study / "ensembles" / trained.report["ensemble"] / "bundle"
    found = json.loads(trained.run("evaluate", "data", "--model", str(bundle), "--json")[0])
    vote = trained.report["vote"]
    for name in ("auroc", "accuracy", "sensitivity", "specificity", "brier"):
        assert found[name] == vote[name]
        assert found["at_half"][name] == vote["at_half"][name]
    assert found["num_images"] == vote["num_images"]
    assert found["test_openings"] > trained.report["test_openings"]  # it is counted as well


def test_the_same_request_gives_the_stored_report_and_another_is_counted(trained):
    stored = pneumoray.ensemble(top=3, workspace=trained.workspace)
    assert stored == trained.report
    assert (stored.folder / "report.md").exists()
    openings = trained.workspace / "openings.jsonl"
    before = len(openings.read_text().splitlines())
    other = json.loads(trained.run("ensemble", "--top", "2", "--json")[0])
    assert len(other["members"]) == 2
    assert other["test_openings"] == len(openings.read_text().splitlines()) == before + 1


def test_the_journal_leaves_the_names_of_models_to_mlflow_yaml(trained):
    records = map(json.loads, (trained.study / "journal.jsonl").read_text().splitlines())
    noted = [record for record in records if record["type"] in ("model", "ensemble")]
    assert {record["type"] for record in noted} == {"model", "ensemble"}
    assert not any("name" in record for record in noted)


def test_a_second_run_trains_nothing(trained):
    before = (trained.study / "journal.jsonl").read_bytes()
    out, err = trained.train()
    assert "race" not in err
    assert "resnet10t" in out
    assert (trained.study / "journal.jsonl").read_bytes() == before
    study = str(trained.folder / "tiny.yaml")
    board = pneumoray.train_all(study, trained.data, workspace=trained.workspace)
    assert set(board.table()["trial"]) == {row["trial"] for row in trained.rows}
    assert (trained.study / "journal.jsonl").read_bytes() == before


def test_tables_for_programs_for_a_thesis_and_for_a_page(trained):
    def printed(*words):
        done = CliRunner().invoke(main, [*words, "--workspace", str(trained.workspace)])
        assert done.exit_code == 0, done.stderr
        return done.stdout

    board = pd.read_csv(io.StringIO(printed("leaderboard", "--csv", "--study", "tiny")))
    assert board["val_auroc"].tolist() == pytest.approx(
        [row["val_auroc"] for row in trained.rows], abs=1e-5
    )
    latex = printed("leaderboard", "--latex")
    assert latex.count("\\\\") == len(trained.rows) + 1
    assert "resnet10t" in latex
    compared = pd.read_csv(io.StringIO(printed("compare", "--by", "lr", "--csv")))
    assert sorted(compared["lr"]) == [1e-4, 1e-3]
    page = trained.folder / "pages" / "lr.html"
    markdown = printed("compare", "--by", "lr", "--markdown", "--output", str(page))
    assert len(markdown.splitlines()) == 2 + 2
    assert "<html" in page.read_text()
    assert "Study tiny by lr" in printed("compare", "--by", "lr")


def test_mlflow_has_every_run_with_its_end_and_its_metrics(in_mlflow):
    assert {status for status, _, _ in in_mlflow["runs"]} == {"FINISHED"}
    assert {
        "pneumoray-tiny-resnet",
        "pneumoray-tiny-mobilenetv3",
        "pneumoray-tiny-ensemble",
    } <= set(in_mlflow["models"])
    trials = [metrics for _, tags, metrics in in_mlflow["runs"] if "pneumoray.trial" in tags]
    assert len(trials) == 4
    assert all({"val_auroc", "train_loss", "images_per_second"} <= set(each) for each in trials)


def test_champions_in_mlflow_give_the_probabilities_of_validation(in_mlflow, val):
    found = in_mlflow["probs"][CHAMPION]
    np.testing.assert_allclose(found, val.probs[:20], atol=1e-5)


def test_the_ensemble_in_mlflow_gives_the_probabilities_of_its_bundle(in_mlflow, trained, val):
    folder = trained.study / "ensembles" / trained.report["ensemble"] / "bundle"
    files = [(trained.data / image_id).read_bytes() for image_id in val.image_ids[:20]]
    expected = pneumoray.load_bundle(str(folder)).predict_probs(files)
    np.testing.assert_allclose(in_mlflow["probs"][ENSEMBLE], expected, atol=1e-5)
