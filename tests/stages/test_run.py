"""Who stays in the race and how an attempt ends, from trials that were never trained."""

import shutil

import numpy as np
import pytest
import torch

from pneumoray import checkpoint, journal
from pneumoray.distributed.resources import Resources
from pneumoray.epochs import EpochRecord, State
from pneumoray.grid import configurations
from pneumoray.predictions import Predictions
from pneumoray.stages.prepare import Prepared, settings_of
from pneumoray.stages.run import Run
from pneumoray.study_file import parse
from pneumoray.study_folder import StudyFolder


@pytest.fixture
def survivors(pack, tmp_path, monkeypatch, trial_row):
    """Gives {(backbone, lr, seed)} that stay after epoch 1, of {(backbone, lr, seed): AUROC}."""

    def survive(scores, rungs=(1, 2), eta=2, failed=()):
        study = parse(
            {
                "name": "x",
                "image_size": pack.settings.size,
                "epochs": 4,
                "seeds": 1 + max(seed for _, _, seed in scores),
                "grid": {
                    "backbone": sorted({backbone for backbone, _, _ in scores}),
                    "lr": sorted({lr for _, lr, _ in scores}),
                },
                "race": {"rungs": list(rungs), "eta": eta},
            }
        )
        configs = configurations(study)
        prepared = Prepared({settings_of(configs[0]): pack}, [])
        states = {c.trial_id: trial_row((scores[c.backbone, c.lr, c.seed],)).state for c in configs}
        monkeypatch.setattr(checkpoint, "read_state", lambda folder: states[folder.name])
        run = Run(study, configs, prepared, StudyFolder(tmp_path), lambda event: None)
        run.failed = {
            t.id: ""
            for t in run.trials
            if (t.config.backbone, t.config.lr, t.config.seed) in failed
        }
        kept = run._survivors(run.trials, 1)
        return {(t.config.backbone, t.config.lr, t.config.seed) for t in kept}

    return survive


def test_seeds_of_a_configuration_stay_or_go_by_their_mean(survivors):
    lucky = {("resnet18", 0.1, 0): 0.99, ("resnet18", 0.1, 1): 0.60}  # mean 0.795
    steady = {("resnet18", 0.2, 0): 0.80, ("resnet18", 0.2, 1): 0.82}  # mean 0.81
    assert survivors(lucky | steady) == steady.keys()


def test_each_backbone_keeps_its_own_best(survivors):
    weak = {("resnet18", lr, 0): score for lr, score in ((0.1, 0.5), (0.2, 0.6))}
    strong = {("vgg11", lr, 0): score for lr, score in ((0.1, 0.9), (0.2, 0.8))}
    assert survivors(weak | strong) == {("resnet18", 0.2, 0), ("vgg11", 0.1, 0)}


def test_the_last_rung_keeps_one_configuration_with_its_seeds(survivors):
    scores = {("resnet18", lr / 10, seed): lr / 10 for lr in range(1, 5) for seed in (0, 1)}
    assert survivors(scores, rungs=(1,)) == {("resnet18", 0.4, 0), ("resnet18", 0.4, 1)}
    assert len(survivors(scores, rungs=(1, 2))) == 4  # the best half of four, two seeds each


def test_a_configuration_with_a_failed_seed_does_not_win_by_luck(survivors):
    scores = {("resnet18", 0.1, 0): 0.99, ("resnet18", 0.1, 1): 0.5}
    sound = {("resnet18", 0.2, 0): 0.8, ("resnet18", 0.2, 1): 0.8}
    assert survivors(scores | sound, failed={("resnet18", 0.1, 1)}) == sound.keys()


@pytest.fixture
def two_trials(pack, tmp_path):
    """(Makes a Run of two networks in one folder, the folder, their trials' ids, what was said)."""
    study = parse({"name": "x", "race": "full", "epochs": 1, "backbones": ["resnet18", "vgg11"]})
    configs, folder, said = configurations(study), StudyFolder(tmp_path), []
    prepared = Prepared({settings_of(configs[0]): pack}, [])
    for config in configs:
        record = EpochRecord(1, 0.5, 0.5, 0.5, 0.4, 0.5, 0.9, 0.5, 10.0, 30.0)
        state = State((record,), mean=(0.5,), std=(0.2,))
        images = pack.manifest.of_split("val")
        val = Predictions(images, np.full((len(images), 2), 0.5), pack.manifest.classes)
        model = {"weight": torch.zeros(1)}
        checkpoint.save(folder.trial(config.trial_id), state, model, {}, val)

    def make():
        return Run(study, configs, prepared, folder, said.append)

    return make, folder, [config.trial_id for config in configs], said


def test_a_state_that_can_not_be_read_fails_its_trial_and_no_other(two_trials):
    make, folder, (torn, sound), said = two_trials
    (folder.trial(torn) / "epoch-0001" / "state.json").write_text('{"records": [')
    run = make()
    assert not run.pending()
    run.train(Resources())
    ends = journal.latest(folder.journal, "end", "trial")
    assert (ends[sound]["outcome"], ends[torn]["outcome"]) == ("trained", "failed")
    assert "epoch-0001/state.json can't be read" in ends[torn]["reason"]
    failed = [event for event in said if event["type"] == "failed"]
    assert failed == [{"type": "failed", "trial": torn, "reason": ends[torn]["reason"]}]


def test_what_diverged_is_not_tried_again_and_what_failed_otherwise_is(two_trials):
    make, folder, ids, _ = two_trials
    for trial, diverged in zip(ids, (True, False), strict=True):
        shutil.rmtree(folder.trial(trial))
        about = {"status": "FAILED", "outcome": "failed", "reason": "why", "diverged": diverged}
        journal.Journal(folder.journal).append("trial", trial=trial)
        journal.Journal(folder.journal).append("end", trial=trial, **about)
    assert make().failed == {ids[0]: "why"}
    assert make().pending()
    shutil.rmtree(folder.path / "trials", ignore_errors=True)
    journal.Journal(folder.journal).append("end", trial=ids[1], **about | {"diverged": True})
    assert not make().pending()


def test_a_trial_that_ended_keeps_one_checkpoint(two_trials):
    make, folder, ids, _ = two_trials
    older = folder.trial(ids[0]) / "epoch-0000"
    shutil.copytree(folder.trial(ids[0]) / "epoch-0001", older)
    make().train(Resources())
    assert not older.exists()
    assert checkpoint.read_state(folder.trial(ids[0])).epoch == 1


@pytest.mark.parametrize(
    ("num_failed", "status"), [(0, "FINISHED"), (1, "FINISHED"), (2, "FAILED")]
)
def test_an_attempt_of_which_every_trial_failed_has_failed(num_failed, status, pack, tmp_path):
    study = parse({"name": "x", "race": "full", "backbones": ["resnet18", "vgg11"]})
    configs = configurations(study)
    folder = StudyFolder(tmp_path)
    run = Run(study, configs, Prepared({settings_of(configs[0]): pack}, []), folder, print)
    with run.closing():
        run.failed = {trial.id: "why" for trial in run.trials[:num_failed]}
    assert journal.latest(folder.journal, "study_end", "type")["study_end"]["status"] == status
