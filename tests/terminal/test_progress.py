"""What people see while a study trains, from events that were made up."""

import sys

import pytest
from rich.console import Console

from pneumoray.errors import DataError
from pneumoray.terminal import progress

STAGE = {
    "type": "stage",
    "stage": "race",
    "slots": 2,
    "trials": [
        {
            "trial": f"resnet18-{i}",
            "name": f"resnet18 1e-{i}",
            "backbone": "resnet18",
            "epoch": 0,
            "until": 4,
        }
        for i in range(3)
    ],
}


def epoch(trial, number, val_auroc):
    record = {
        "epoch": number,
        "seconds": 60.0,
        "train_loss": 0.5,
        "val_loss": 0.4,
        "val_auroc": val_auroc,
        "images_per_second": 123.4,
    }
    return {"type": "epoch", "trial": trial, "stage": "race", "record": record}


@pytest.fixture
def shown(monkeypatch):
    """Makes a Progress that writes into a console of 100 columns: (progress, what it wrote)."""

    def make(is_terminal, given=None):
        console = Console(width=100, force_terminal=is_terminal, color_system=None, record=True)
        monkeypatch.setattr(progress, "err", console)
        return progress.Progress(given), lambda: console.export_text(clear=False)

    return make


UNDERSTOOD = {
    "type": "understood",
    "lines": [
        {"depth": 0, "name": "/data/", "meaning": ""},
        {"depth": 1, "name": "train/", "meaning": "train: 3 NORMAL, 4 폐렴"},
        {"depth": 1, "name": "test/", "meaning": f"left out: {'images of no class, ' * 6}12 files"},
    ],
}


def test_how_the_data_was_understood_is_a_tree_in_lines(shown):
    told, written = shown(False)
    told(UNDERSTOOD)
    assert written().splitlines()[:2] == ["/data/", "  train/  train: 3 NORMAL, 4 폐렴"]
    assert len(written().splitlines()) == 3  # of a file nothing is broken
    told, written = shown(True)
    told(UNDERSTOOD)
    lines = written().splitlines()
    assert lines[2].startswith("  test/   left out: images of no class")
    assert lines[3].startswith(" " * 10 + "images")  # what is too long goes on below its beginning
    assert max(map(len, lines)) <= 100


def test_plain_lines_say_what_runs_the_best_so_far_and_the_time_left(shown):
    told, written = shown(False)
    with told:
        told(STAGE)
        told({"type": "start", "trial": "resnet18-0"})
        told(epoch("resnet18-0", 1, 0.9))
        told(epoch("resnet18-1", 1, 0.8))
    lines = " ".join(written().split())
    assert "race: 3 trials to epoch 4, 2 side by side" in lines
    assert (
        "race resnet18 1e-0 epoch 1/4 val AUROC 0.9000 loss 0.400 123 images/s best 0.9000" in lines
    )
    # ten of twelve epochs are left, a minute each, two at a time
    assert lines.endswith("best 0.9000 (resnet18 1e-0) 5 min left in the race")


def test_one_trial_is_one(shown):
    told, written = shown(False)
    told(STAGE | {"trials": STAGE["trials"][:1], "slots": 1})
    assert written() == "race: 1 trial to epoch 4, 1 side by side\n"


def test_the_table_has_a_row_for_each_trial_that_runs(shown):
    told, _ = shown(True)
    console = Console(width=100, color_system=None)
    told(STAGE)
    told({"type": "start", "trial": "resnet18-0"})
    told({"type": "start", "trial": "resnet18-1"})
    told(epoch("resnet18-0", 1, 0.9))
    with console.capture() as captured:
        console.print(told._table())
    lines = captured.get().splitlines()
    assert [line.split()[:3] for line in lines[2:4]] == [
        ["resnet18", "1e-0", "1/4"],
        ["resnet18", "1e-1", "0/4"],
    ]
    assert "best val AUROC 0.9000 (resnet18 1e-0)" in lines[4]
    assert lines[5].startswith("race: 1 waiting · 6 min left")  # eleven epochs
    told({"type": "done", "trial": "resnet18-0"})
    told(
        {
            "type": "failed",
            "trial": "resnet18-1",
            "stage": "race",
            "reason": "why",
            "diverged": False,
        }
    )
    assert told.running == {}


def test_the_table_fits_80_columns_and_cuts_no_number(monkeypatch):
    name = "swin_base_patch4_window7_224.ms_in22k_ft_in1k-1f0c2a9b"
    console = Console(width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(progress, "err", console)
    told = progress.Progress()
    told(
        {
            **STAGE,
            "trials": [{"trial": name, "name": name, "backbone": "swin", "epoch": 0, "until": 100}],
        }
    )
    told({"type": "start", "trial": name})
    told(epoch(name, 10, 0.9))
    with console.capture() as captured:
        console.print(told._table())
    upper, heads, row, best, state = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, (upper, heads, row, best, state))) <= 80
    assert upper.split() == ["train", "val", "val"]
    assert heads.split() == ["running", "epoch", "loss", "loss", "AUROC", "images/s"]
    assert row.split() == [
        "swin_base_patch4_window..-1f0c2a9b",
        "10/100",
        "0.500",
        "0.400",
        "0.9000",
        "123",
    ]
    assert "(swin_base_patch4_window..-1f0c2a9b)" in best


def test_a_terminal_that_can_not_move_its_cursor_gets_plain_lines(shown, monkeypatch):
    monkeypatch.setenv("TERM", "dumb")
    told, written = shown(True)
    with told:
        told(STAGE)
        told(epoch("resnet18-0", 1, 0.9))
    assert "epoch 1/4" in written()


def test_what_could_not_be_sent_and_what_was_found_is_told(shown):
    told, written = shown(False, {"workspace": "my ws", "mlflow": None})
    told({"type": "unsent", "study": "xray", "records": 3, "reason": "no answer"})
    told({"type": "finding", "severity": "handled", "message": "left out"})
    told({"type": "finding", "severity": "note", "message": "hush"})
    told({"type": "pack", "done": 10, "total": 10})
    lines = " ".join(written().split())
    assert (
        "3 records wait in the journal for MLflow (no answer); mend that, then send them: "
        "pneumoray sync --study xray --workspace 'my ws'" in lines
    )
    assert "handled: left out" in lines
    assert "hush" not in lines
    assert "read 10 of 10 images" in lines


def test_sending_is_counted(shown):
    told, written = shown(False)
    for done in (1, 52):
        told({"type": "send", "study": "xray", "done": done, "total": 52})
    assert " ".join(written().split()) == "worked through 52 of 52 records"


def test_predicting_is_counted_with_the_time_left(shown, monkeypatch):
    clock = iter((80.0, 100.0, 120.0, 140.0, 140.0))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told, written = shown(False)
    with told:
        told({"type": "predict", "done": 64, "total": 320})
        told({"type": "predict", "done": 128, "total": 320})  # 64 images took 20 s
        told({"type": "predict", "done": 320, "total": 320})
    assert written().splitlines() == [
        "predicted 64 of 320 images, time left: measuring",
        "predicted 128 of 320 images, 60 s left",
        "predicted 320 of 320 images",
    ]


@pytest.mark.parametrize(("seconds", "lines"), [(1.9, []), (2.1, ["predicted 1 of 1 images"])])
def test_what_took_no_time_is_not_counted_after_its_answer(shown, monkeypatch, seconds, lines):
    clock = iter((80.0, 80 + seconds, 80 + seconds))
    monkeypatch.setattr(progress.time, "monotonic", lambda: next(clock))
    told, written = shown(False)
    told({"type": "predict", "done": 1, "total": 1})
    assert written().splitlines() == lines


def test_a_files_name_in_a_note_can_not_steer_the_terminal(shown):
    told, written = shown(False)
    told({"type": "note", "text": "left out: \x1b[2J\n.png is empty"})
    assert written() == "left out: \\x1b[2J\\n.png is empty\n"


def test_rows_are_printed_on_the_callers_own_stdout(shown):
    """While something is live, rich has put its own in the place of sys.stdout."""
    told, _ = shown(True)
    stdout = sys.stdout

    def fails():
        assert sys.stdout is not stdout
        yield "a"
        raise DataError("b")

    with told:
        rows = told.between(fails())
        assert next(rows) == "a"
        assert sys.stdout is stdout
        with pytest.raises(DataError, match="b"):
            next(rows)
        assert sys.stdout is stdout
