"""A database of MLflow of its own for each test, and a journal to replay into it."""

import shutil

import pytest
import torch

from pneumoray import checkpoint, tracking
from pneumoray.epochs import EpochRecord, State
from pneumoray.journal import Journal
from pneumoray.tracking import replayer


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """An initialised database: making one takes MLflow seconds."""
    path = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    settings = tracking.Settings(tracking_uri=f"sqlite:///{path}")
    replayer.with_mlflow("runs").connect(settings).search_experiments()
    return path


@pytest.fixture
def settings(tmp_path, empty_database, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    return tracking.find_settings(None, tmp_path)


@pytest.fixture
def journal(tmp_path):
    return Journal(tmp_path / "studies" / "demo" / "journal.jsonl")


@pytest.fixture
def client(settings):
    return replayer.with_mlflow("runs").connect(settings)


@pytest.fixture
def save_checkpoint():
    """Writes the checkpoint of an epoch, the best so far, with these validation predictions."""

    def save(folder, epoch, val):
        record = EpochRecord(epoch, 0.6, 0.7, 0.8, 1 / epoch, 0.9, 0.5, 1e-3, 100.0, 2.0)
        weights = {"weight": torch.zeros(1)}
        return checkpoint.save(folder, State((record,)), weights, {}, val)

    return save


@pytest.fixture
def models_unwrapped(monkeypatch):
    """Models are registered as a bundle alone: what MLflow puts round it takes a second each."""
    replayer.with_mlflow("registry")

    def save_model(path, data_path, **_):
        shutil.copytree(data_path, path)

    monkeypatch.setattr("mlflow.pyfunc.save_model", save_model)
