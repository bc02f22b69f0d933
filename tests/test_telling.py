"""In Python, too, nothing is decided in silence."""

import pytest

from pneumoray.telling import tell

SAID = {
    "note": ({"type": "note", "text": "positive class: b"}, "positive class: b\n"),
    "to mend": ({"type": "finding", "severity": "fix", "message": "a leak"}, "fix: a leak\n"),
    "good to know": ({"type": "finding", "severity": "note", "message": "sizes"}, ""),
    "one trial": ({"type": "stage", "stage": "final", "trials": [{}]}, "final: 1 trial\n"),
    "trials": ({"type": "stage", "stage": "race", "trials": [{}, {}]}, "race: 2 trials\n"),
    "epoch": (
        {"type": "epoch", "trial": "r-1", "record": {"epoch": 2, "val_auroc": 0.91236}},
        "r-1  epoch 2  val AUROC 0.9124\n",
    ),
    "failed": ({"type": "failed", "trial": "r-1", "reason": "x"}, "r-1 failed: x\n"),
    "unsent": (
        {"type": "unsent", "study": "s", "records": 7, "reason": "away"},
        "7 records wait for MLflow (away); 'pneumoray sync' sends them\n",
    ),
    "count": ({"type": "pack", "done": 1, "total": 2}, ""),
}


@pytest.mark.parametrize(("event", "line"), SAID.values(), ids=SAID.keys())
def test_a_line_for_what_a_person_should_know(event, line, capsys):
    tell(event)
    shown = capsys.readouterr()
    assert (shown.out, shown.err) == ("", line)
