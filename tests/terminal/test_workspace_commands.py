"""list, remove, init and --fresh: what they print, what they ask, and what a no or nobody changes."""

import json
import os
import pty
import re
import subprocess
import sys
import time
from dataclasses import asdict

import pytest
from click.testing import CliRunner

from pneumoray import artifact, journal
from pneumoray.checkpoint import EpochRecord, State
from pneumoray.grid import configurations
from pneumoray.study_file import read
from pneumoray.terminal import asking
from pneumoray.terminal.main import main
from pneumoray.workspace import open_workspace

SMALL = "name: small\nbackbones: [mobilenetv3_small_100]\nimage_size: 32\nepochs: 2\nrace: full\n"
FRESH = ["train-all", "--study", "small.yaml", "--data", "xrays", "--fresh"]
DOWN = {"MLFLOW_TRACKING_URI": "http://127.0.0.1:1"}  # training ends there, having changed nothing


@pytest.fixture
def here(tmp_path, monkeypatch, xrays):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "xrays").symlink_to(xrays)
    return tmp_path


@pytest.fixture
def place(here):
    """The default workspace: in it the study 'small', trained and voted."""
    place, study = open_workspace(), read("small.yaml")
    folder = place.study("small")
    folder.claim(study, {}, False, {"leaks_allowed": False})
    written = journal.Journal(folder.journal)
    written.append("study", study="small", config=study.model_dump())
    (config,) = configurations(study)
    written.append("trial", trial=config.trial_id, stage="race")
    record = EpochRecord(1, 0.5, 0.5, 0.5, 0.4, 0.5, 0.91234, 0.5, 10.0, 30.0)
    state = folder.trial(config.trial_id) / "epoch-0001" / "state.json"
    artifact.write_json(state, asdict(State((record,))))
    written.append("end", trial=config.trial_id, status="FINISHED", outcome="trained", reason=None)
    written.append("study_end", status="FINISHED")
    vote = folder.path / "ensembles" / "ensemble-1"
    artifact.write_text(vote / "report.md", "# tested")
    written.append("ensemble", ensemble="ensemble-1", val_auroc=0.95)
    place.remember("small")
    return place


def invoke(*arguments, answer=None, **environment):
    return CliRunner().invoke(main, [str(a) for a in arguments], input=answer, env=environment)


def snapshot(place):
    """Every file of the workspace, less locks."""
    files = (path for path in place.root.rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.suffix != ".lock"}


@pytest.fixture
def answered(monkeypatch):
    """As if somebody sat at a terminal."""
    monkeypatch.setattr(asking, "has_terminal", lambda: True)


def test_list_shows_state_scores_disk_and_time(place):
    result = invoke("list")
    assert result.exit_code == 0, result.stderr
    head, row, *_ = result.stdout.splitlines()
    assert head.split("  ")[0] == "study"
    words = row.split()
    assert words[:5] == ["small", "finished", "0.9123", "mobilenetv3_small_100", "0.9500"]
    assert re.fullmatch(r"\d+ KiB (\d\d:\d\d|\d+ \w+)", " ".join(words[5:])), row
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_list_for_programs(place):
    place.remember("small")
    (found,) = json.loads(invoke("list", "--json").stdout)
    assert (found["study"], found["state"], found["num_trials"]) == ("small", "finished", 1)
    assert found["best_val_auroc"] == 0.91234
    assert found["best_trial"].startswith("mobilenetv3_small_100-")
    assert time.time() - found["trained_at"] < 600


def test_list_of_several_says_which_is_meant_and_what_packs_take(place):
    other = read("small.yaml", ["name=other"])
    place.study("other").claim(other, {}, False, {"leaks_allowed": False})
    (place.packs / "1").mkdir(parents=True)
    (place.packs / "1" / "pixels.u8").write_bytes(bytes(3 * 2**20))
    said = invoke("list").stdout
    assert "other  not begun" in said
    assert "shared by all studies: packs 3 MiB" in said
    assert "commands without --study mean small" in said


@pytest.mark.parametrize("command", [["list"], ["list", "--json"], ["remove", "x", "--yes"]])
def test_where_nothing_is_trained_there_is_one_line_and_nothing_is_made(here, command):
    before = sorted(os.listdir(here))
    result = invoke(*command)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.match("error: nothing is trained in workspace .*train-all", line)
    assert result.stdout == ""
    assert sorted(os.listdir(here)) == before


def test_remove_says_what_goes_and_what_stays_and_asks(place, answered):
    result = invoke("remove", "small", answer="y\n")
    assert result.exit_code == 0, result.stderr
    assert re.search(r"removes 1 trained trial, 1 tested vote \(\d KiB\) of study", result.stderr)
    assert (
        "what stays: packs, MLflow's runs and registered models, the count of test openings"
        in result.stderr
    )
    assert "Remove study small? [y/N]" in result.stderr
    kept = place.root / "opened-tests" / "small" / "1"
    assert result.stdout.splitlines() == [
        "removed study small",
        f"the reports of its opened tests: {kept}",
    ]
    assert (kept / "ensemble-1" / "report.md").read_text() == "# tested"
    assert place.studies() == []


@pytest.mark.parametrize("command", [["remove", "small"], FRESH])
def test_a_no_changes_nothing(place, answered, command):
    before = snapshot(place)
    result = invoke(*command, answer="\n")
    assert result.exit_code == 1
    assert "nothing was removed" in result.stderr
    assert snapshot(place) == before


@pytest.mark.parametrize("command", [["remove", "small"], FRESH])
def test_nobody_to_ask_is_one_line_and_changes_nothing(place, command):
    before = snapshot(place)
    result = invoke(*command, answer="y\n")
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert re.search(
        "1 trained trial, .* of study small, .* no terminal to ask at: say --yes", line
    )
    assert snapshot(place) == before


def test_remove_with_yes_asks_nobody(place):
    result = invoke("remove", "small", "--yes")
    assert result.exit_code == 0, result.stderr
    assert "[y/N]" not in result.stderr
    assert place.studies() == []


def test_a_study_in_use_is_refused(place, answered):
    before = snapshot(place)
    with place.study("small").locked():
        for command in (["remove", "small"], FRESH):
            result = invoke(*command, answer="y\n")
            assert result.exit_code == 1
            (line,) = result.stderr.splitlines()
            assert "in use by another process" in line
    assert snapshot(place) == before


@pytest.mark.parametrize(("more", "answer"), [(["--yes"], None), ([], "y\n")])
def test_fresh_goes_on_after_a_yes_and_loses_nothing_that_training_refuses(
    place, answered, more, answer
):
    before = snapshot(place)
    result = invoke(*FRESH, *more, answer=answer, **DOWN)
    assert "--fresh removes 1 trained trial" in result.stderr
    assert result.stderr.splitlines()[-1].startswith("error: MLflow")
    assert snapshot(place) == before


@pytest.mark.parametrize("more", [[], ["--set", "name=other"]])
def test_fresh_asks_nothing_where_nothing_is_trained(here, more):
    result = invoke(*FRESH, *more, **DOWN)
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: MLflow")


def test_a_dry_run_of_a_fresh_start_asks_nothing(place):
    before = snapshot(place)
    result = invoke(*FRESH, "--dry-run")
    assert result.exit_code == 0, result.stderr
    assert "nothing started" in result.stdout
    assert {path: data for path, data in snapshot(place).items() if path in before} == before


def test_remove_at_a_real_terminal(place):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "pneumoray", "remove", "small"],
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(ours, b"y\n")
    try:
        said, _ = process.communicate(timeout=120)
    finally:
        process.kill()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 0, said
    assert "Remove study small? [y/N]" in said
    assert place.studies() == []


def test_init_writes_a_study_that_a_dry_run_takes(here):
    result = invoke("init")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "wrote study.yaml\n"
    assert "pneumoray train-all --study study.yaml --data DIR --dry-run\n" in result.stderr
    planned = invoke("train-all", "--study", "study.yaml", "--data", "xrays", "--dry-run")
    assert planned.exit_code == 0, planned.stderr
    assert "6 trials on " in planned.stdout


def test_init_never_overwrites(here):
    assert invoke("init", "mine.yaml").exit_code == 0
    before = (here / "mine.yaml").read_bytes()
    result = invoke("init", "mine.yaml")
    assert result.exit_code == 1
    assert result.stderr == "error: mine.yaml is there already; name another file\n"
    assert (here / "mine.yaml").read_bytes() == before
