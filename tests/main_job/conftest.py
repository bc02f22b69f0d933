"""`pneumoray` as users run it: separate processes, a real Ray, a real MLflow database, a tiny study."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pneumoray import journal
from pneumoray.data.demo import make_demo

STUDY = """
name: tiny
image_size: 32
epochs: 3
batch_size: 16
augment: light
schedule: constant
warmup_epochs: 0
backbones: [resnet10t, {backbone: mobilenetv3_small_050, grid: {optimizer: [adamw], lr: [1e-3]}}]
grid: {optimizer: [adamw], lr: [1e-3, 1e-4]}
race: {rungs: [1], eta: 2}
"""


class Job:
    """Runs `pneumoray` in a folder of its own, with nothing of the caller's environment."""

    def __init__(self, folder: Path, ray_folder: Path) -> None:
        self.folder, self.data = folder, folder / "data"
        self.workspace = folder / "pneumoray-workspace"
        self.study = self.workspace / "studies" / "tiny"
        ours = ("RAY_", "MLFLOW_", "PNEUMORAY_")
        kept = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
        self.environment = kept | {
            "RAY_TMPDIR": str(ray_folder),
            "TMPDIR": str(ray_folder),  # what a process that is ended by force leaves
            "RAY_AUTH_MODE": "disabled",  # else Ray leaves a token in the home folder
            "PYTHONWARNINGS": "ignore",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return self._start("-m", "pneumoray", *arguments, folder=self.folder)

    def run(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """(stdout, stderr) of a command that must end with `code`."""
        return _end(self.start(*arguments), code)

    def start_training(self, *more: str) -> subprocess.Popen[str]:
        return self.start("train-all", "--study", "tiny.yaml", "--data", "data", *more)

    def train(self, *more: str, code: int = 0) -> tuple[str, str]:
        return _end(self.start_training(*more), code)

    def leaderboard(self) -> list[dict[str, Any]]:
        return json.loads(self.run("leaderboard", "--json")[0])

    def epochs(self) -> list[tuple[str, int]]:
        """(trial, epoch) of each epoch in the journal."""
        records = journal.read(self.study / "journal.jsonl")
        return [(r["trial"], r["epoch"]) for r in records if r["type"] == "epoch"]

    def ask(self, program: str, *arguments: str) -> Any:
        """What a Python program prints as JSON, run elsewhere in a process of its own."""
        with tempfile.TemporaryDirectory() as elsewhere:
            out, _ = _end(self._start("-c", program, *arguments, folder=Path(elsewhere)), 0)
        return json.loads(out.splitlines()[-1])

    def _start(self, *arguments: str, folder: Path) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )


def _end(process: subprocess.Popen[str], code: int) -> tuple[str, str]:
    out, err = process.communicate()
    assert process.returncode == code, f"{process.args}: {process.returncode}\n{out}\n{err}"
    assert "Traceback" not in err
    return out, err


@pytest.fixture(scope="module")
def make_job(tmp_path_factory, ray_folder) -> Callable[..., Job]:
    """Makes a Job with the tiny study and a small demo data set: a quarter of the usual patients."""
    images = make_demo(tmp_path_factory.mktemp("images") / "data", seed=1, scale=0.25)

    def make(study: str = STUDY) -> Job:
        folder = tmp_path_factory.mktemp("job")
        os.symlink(images, folder / "data")
        (folder / "tiny.yaml").write_text(study)
        return Job(folder, ray_folder)

    return make
