"""A fresh start: the old trials go, the report of the opened test stays, MLflow tells both apart."""

import json

import pytest

from pneumoray import journal

NETWORK = "[{backbone: C4-P-F-D, grid: {optimizer: [adamw], lr: [1e-2, 1e-3]}}]"
READ_MLFLOW = """
import json, sys, mlflow
client = mlflow.MlflowClient(sys.argv[1])
experiment = client.get_experiment_by_name("pneumoray-tiny")
runs = client.search_runs([experiment.experiment_id])
print(json.dumps([[r.info.status, r.data.tags.get("replaced"), r.data.tags["kind"]] for r in runs]))
"""


@pytest.mark.slow
def test_a_fresh_start_keeps_the_opened_test_and_marks_the_old_runs(make_job):
    job = make_job()
    sets = [word for one in (f"backbones={NETWORK}", "race=full") for word in ("--set", one)]
    job.train(*sets)
    voted = json.loads(job.run("ensemble", "--top", "2", "--any-family", "--json")[0])
    folder = job.study / "ensembles" / voted["ensemble"]
    report = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    openings = (job.workspace / "openings.jsonl").read_bytes()
    begun = (job.study / "journal.jsonl").read_bytes()

    _, refused = job.train(*sets, "--fresh", code=1)
    assert "2 trained trials" in refused
    assert "say --yes" in refused
    assert (job.study / "journal.jsonl").read_bytes() == begun

    job.train(*sets, "--fresh", "--yes")
    kept = job.workspace / "opened-tests" / "tiny" / "1" / voted["ensemble"]
    assert {path.name: path.read_bytes() for path in kept.iterdir()} == report
    assert {"report.md", "report.json", "roc.png", "test_predictions.csv"} <= set(report)
    assert json.loads(report["report.json"]) == voted
    assert (job.workspace / "openings.jsonl").read_bytes() == openings
    assert not (job.study / "ensembles").exists()
    first = next(journal.read(job.study / "journal.jsonl"))
    assert first["time"] > json.loads(begun.splitlines()[-1])["time"]
    assert len(set(job.epochs())) == 2 * 3

    again = json.loads(job.run("ensemble", "--top", "2", "--any-family", "--json")[0])
    assert again["test_openings"] == 2  # a fresh start hides no opening
    runs = job.ask(READ_MLFLOW, f"sqlite:///{job.workspace / 'mlflow.db'}")
    kinds = sorted((kind, replaced) for _, replaced, kind in runs if replaced)
    assert kinds == [(k, "true") for k in ("ensemble", "study", "trial", "trial")]
    assert len(runs) == 8
    assert {status for status, *_ in runs} == {"FINISHED"}
