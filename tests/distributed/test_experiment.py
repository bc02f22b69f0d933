"""What trials report, on its way through the driver; Tune itself is not started here."""

from types import SimpleNamespace

import pytest

from pneumoray.distributed.experiment import Relay
from pneumoray.errors import WorkspaceError

TRIAL = SimpleNamespace(config={"trial": "a"})
FAILED = {"failed": "ValueError: no", "diverged": False, "disk_full": False}


@pytest.fixture
def events():
    return []


@pytest.fixture
def relay(events):
    return Relay("final", events.append)


def test_a_trials_reports_become_events_in_order(relay, events):
    relay.on_trial_start(1, [], TRIAL)
    measured = {"record": {"epoch": 1}, "system": {"cpu_utilization_percentage": 90.0}}
    relay.on_trial_result(1, [], TRIAL, measured | {"done": False})
    relay.on_trial_result(2, [], TRIAL, {"done": True})  # Tune's own last word
    relay.on_trial_complete(2, [], TRIAL)
    assert [event["type"] for event in events] == ["start", "epoch", "done"]
    assert events[1] == {"type": "epoch", "trial": "a", "stage": "final"} | measured


def test_a_failure_is_told_once_and_is_no_completion(relay, events):
    relay.on_trial_result(1, [], TRIAL, FAILED)
    relay.on_trial_error(1, [], TRIAL)
    relay.on_trial_complete(1, [], TRIAL)
    assert [(event["type"], event["reason"]) for event in events] == [("failed", "ValueError: no")]
    assert relay.failed == {"a": "ValueError: no"}


def test_a_process_that_died_is_named(relay, events):
    relay.on_trial_error(1, [], TRIAL)
    assert "its process died (out of memory, or killed)" in events[0]["reason"]


def test_a_full_disk_ends_the_experiment_and_fails_no_trial(relay, events):
    with pytest.raises(WorkspaceError, match="no space"):
        relay.on_trial_result(1, [], TRIAL, FAILED | {"failed": "no space", "disk_full": True})
    assert isinstance(relay.error, WorkspaceError)
    assert (events, relay.failed) == ([], {})


def test_what_the_drivers_own_handler_raises_is_kept(events):
    def full(event):
        raise OSError(28, "No space left on device")

    relay = Relay("race", full)
    with pytest.raises(OSError, match="No space"):
        relay.on_trial_start(1, [], TRIAL)
    assert isinstance(relay.error, OSError)


def test_a_note_of_a_trial_names_it(relay, events):
    relay.on_trial_result(1, [], TRIAL, {"note": "optimizer.pt is damaged"})
    assert events == [
        {"type": "note", "trial": "a", "stage": "final", "text": "a: optimizer.pt is damaged"}
    ]
    assert relay.failed == {}
