"""What every test stands on: one thread, nothing from the caller's environment, one tiny Pack."""

import contextlib
import http.server
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pneumoray.data.folder import scan
from pneumoray.data.pack import ImageSettings, Pack, make_pack
from pneumoray.data.split import resplit

os.environ["OMP_NUM_THREADS"] = "1"  # read by torch when it is imported, here and in subprocesses

_KEPT = ("PNEUMORAY_SHARED",)  # where the tests find the real collection
_OF_A_CLUSTER = (  # what cluster/env.sh exports, and what Ray gives a job
    "RAY_ADDRESS",
    "RAY_API_SERVER_ADDRESS",
    "RAY_AUTH_MODE",
    "RAY_AUTH_TOKEN",
    "RAY_AUTH_TOKEN_PATH",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER",
    "RAY_JOB_CONFIG_JSON_ENV_VAR",
)
_MLFLOWS_OWN = ("mlflow.db", "mlruns", "mlartifacts")
_LONGEST_END_SECONDS = 60  # for Ray's processes to notice that their head is gone; idle, it is 2


@pytest.fixture(scope="session", autouse=True)
def _no_environment() -> Iterator[None]:
    """Tests see no workspace, data, cluster or tracking server of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            ours = name.startswith(("PNEUMORAY_", "MLFLOW_")) and name not in _KEPT
            if ours or name in _OF_A_CLUSTER or name == "FORCE_COLOR":
                patch.delenv(name)
        yield


@pytest.fixture(autouse=True)
def _the_next_test_sees_none() -> Iterator[None]:
    """A test puts back what it sets: MLflow's own functions set a tracking server for the process."""
    yield
    left = {name for name in os.environ if name.startswith(("PNEUMORAY_", "MLFLOW_TRACKING_"))}
    assert (left | (set(_OF_A_CLUSTER) & set(os.environ))) <= set(_KEPT)


@pytest.fixture(scope="session", autouse=True)
def _no_mlflow_here() -> Iterator[None]:
    """MLflow makes a database or a folder where it stands when nobody names one; nothing of ours may."""
    before = [name for name in _MLFLOWS_OWN if Path(name).exists()]
    yield
    assert [name for name in _MLFLOWS_OWN if Path(name).exists()] == before


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder that PNEUMORAY_SHARED names, else `shared` beside the clone: what no clone holds."""
    return Path(os.environ.get("PNEUMORAY_SHARED") or Path(__file__).parents[2] / "shared")


@pytest.fixture(scope="session")
def chest_xray(shared) -> Path:
    """The real collection. Do not write into it."""
    folder = shared / "data" / "chest_xray"
    if not folder.is_dir():
        pytest.skip(f"{folder} is not there; name the folder above 'data' with PNEUMORAY_SHARED")
    return folder.resolve()


@pytest.fixture(scope="session")
def draw_xrays() -> Callable[..., Path]:
    """Fills a folder with CLASS/ images of 40 x 36, Kermany's names, two images a patient.

    PNEUMONIA has a bright patch, so that a small network can learn it in an epoch or two.
    """

    def draw(folder: Path, num_patients: int = 15, classes=("NORMAL", "PNEUMONIA")) -> Path:
        rng = np.random.default_rng(0)
        for name in classes:
            (folder / name).mkdir(parents=True)
            for i in range(2 * num_patients):
                pixels = rng.integers(40, 120, (36, 40), dtype=np.uint8)
                key = f"IM-{i // 2:04}-{i:04}"
                if name == "PNEUMONIA":
                    key = f"person{i // 2}_virus_{i}"
                    pixels[8:26, 6:20] += np.uint8(rng.integers(40, 110))
                Image.fromarray(pixels).save(folder / name / f"{key}.png")
        return folder

    return draw


@pytest.fixture(scope="session")
def xrays(tmp_path_factory, draw_xrays) -> Path:
    """60 images of two classes, in CLASS/ folders. Do not write into it."""
    return draw_xrays(tmp_path_factory.mktemp("data") / "xrays")


@pytest.fixture(scope="session")
def pack(tmp_path_factory, xrays) -> Pack:
    """The Pack of `xrays` at 32 px: grey, with a train, a val and a test split."""
    fractions = {"val_fraction": 0.25, "test_fraction": 0.2, "seed": 0}
    packs = tmp_path_factory.mktemp("packs")
    again = partial(resplit, **fractions)
    return make_pack(*scan(xrays), ImageSettings(32), packs, resplit=again, key=fractions)[0]


@pytest.fixture(scope="session")
def processes_in() -> Callable[[Path], list]:
    """Finds the processes whose RAY_TMPDIR is a given folder.

    A zombie has ended, and has no environment: it may wait long for a first process to reap it.
    """
    import ray  # noqa: F401  its own copy of psutil is found once it is imported

    import psutil  # isort: skip

    def find(folder: Path) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if process.environ().get("RAY_TMPDIR") == str(folder):
                    found.append(process)
        return found

    return find


@pytest.fixture(scope="module")
def ray_folder(processes_in) -> Iterator[Path]:
    """A folder for Ray, named RAY_TMPDIR. None of its processes may outlive the tests."""
    import psutil

    # short: a Unix socket's path holds at most 107 characters, and Ray adds 63
    folder = Path(tempfile.mkdtemp(prefix="pr-", dir="/tmp"))
    try:
        yield folder
    finally:
        deadline = time.monotonic() + _LONGEST_END_SECONDS
        while (alive := processes_in(folder)) and time.monotonic() < deadline:
            time.sleep(0.2)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)
    assert not alive, f"left running: {alive}"
    assert not folder.exists()


@pytest.fixture(scope="session")
def trial_row() -> Callable:
    """Makes a TrialRow of its validation AUROC by epoch; other columns by epoch, then fields of Config.

    What is not given is plain: losses fall as 1/epoch, accuracies are 0.9, an epoch takes 6 s.
    """
    from pneumoray.checkpoint import EpochRecord, State
    from pneumoray.config import Config
    from pneumoray.study_folder import TrialRow

    plain: dict[str, Callable[[int], float]] = {
        "train_loss": lambda epoch: 1 / epoch,
        "train_accuracy": lambda epoch: 0.9,
        "train_auroc": lambda epoch: 0.9,
        "val_loss": lambda epoch: 1 / epoch,
        "val_accuracy": lambda epoch: 0.9,
        "images_per_second": lambda epoch: 100.0,
        "seconds": lambda epoch: 6.0,
    }

    def make(val_auroc=(0.9,), outcome="trained", reason="", parameters=(1000, 100), **fields):
        columns = {name: fields.pop(name, None) for name in plain}
        records = []
        for i, score in enumerate(val_auroc):
            seen = {
                name: of_epoch(i + 1) if columns[name] is None else columns[name][i]
                for name, of_epoch in plain.items()
            }
            records.append(EpochRecord(epoch=i + 1, val_auroc=score, lr=1e-3, **seen))
        config = Config(**{"backbone": "resnet18"} | fields)
        ends = {
            "trained": "FINISHED",
            "cut": "FINISHED",
            "failed": "FAILED",
            "interrupted": "KILLED",
        }
        status = ends.get(outcome, "RUNNING" if records else "WAITING")
        total, trainable = parameters if records else (0, 0)
        state = State(tuple(records), total, trainable)
        return TrialRow(config.trial_id, "race", status, outcome, config, state, reason=reason)

    return make


@pytest.fixture(scope="session")
def make_bundle() -> Callable[..., Path]:
    """Saves a bundle of tiny layer-string networks with drawn weights, and returns its folder."""

    def make(
        folder: Path,
        num_members: int = 1,
        classes: tuple[str, ...] = ("NORMAL", "PNEUMONIA"),
        **fields: object,
    ) -> Path:
        import torch

        from pneumoray import bundle
        from pneumoray.member import Member
        from pneumoray.models import zoo
        from pneumoray.models.architecture import Architecture

        members, states = [], []
        for i in range(num_members):
            architecture = Architecture("C4-P-F-D", 32 + 8 * i)
            members.append(
                Member(f"member-{i}", "layers", architecture, "squeeze", 1.0, (0.4,), (0.25,))
            )
            torch.manual_seed(i)
            states.append(zoo.build(architecture, len(classes)).state_dict())
        values = {"threshold": 0.4 if len(classes) == 2 else None} | fields
        bundle.save(bundle.Bundle(tuple(members), classes, **values), states, folder)
        return folder

    return make


@pytest.fixture
def server() -> Iterator[Callable[..., str]]:
    """Makes a loopback server that answers every GET and HEAD with a status and a text; gives its URL."""
    made = []

    def start(status: int, text: str = "") -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_HEAD(self) -> None:
                self.send_response(status)
                self.end_headers()

            def do_GET(self) -> None:
                self.do_HEAD()
                self.wfile.write(text.encode())

            def log_message(self, *_: object) -> None:
                pass

        made.append(http.server.HTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=made[-1].serve_forever, args=(0.05,), daemon=True).start()
        return f"http://127.0.0.1:{made[-1].server_port}"

    yield start
    for one in made:
        one.shutdown()
        one.server_close()
