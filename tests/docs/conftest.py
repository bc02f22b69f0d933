"""A folder like a clone after `make install`, for the commands of the docs."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import filelock
import pytest
from dicom_films import Film, dataset, encoded

from pneumoray.data.demo import make_demo

ROOT = Path(__file__).parents[2]
PORTS = (5000, 5001, 6379)  # that the pages name: pneumoray ui, a served model, a cluster's head


_OWN_NETWORK = ("unshare", "--map-root-user", "--net")
_OWN_NETWORK += ("sh", "-c", 'ip link set lo up && exec "$@"', "sh")


@dataclass(frozen=True)
class Sandbox:
    folder: Path
    environment: dict[str, str]
    prefix: tuple[str, ...]  # of a command line: gives it ports of its own, where the system can


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory, ray_folder) -> Iterator[Sandbox]:
    """Commands there have a network of their own: without a way out, and with every port free.

    Where the system allows none, test runs take turns, and find the ports free or are skipped.

    chest_xray/      67 phantoms in the layout of Kaggle's download
    other_hospital/  32 more, in CLASS/
    films/           32 images; images.csv names them, with patients
    film.jpeg  new/  images to predict
    scans/           24 DICOM films of 12 visits; visits.csv names these
    """
    home = tmp_path_factory.mktemp("docs")
    folder = home / "pneumoray"
    folder.mkdir()
    for name in ("cluster", "jobs", "mlflow.yaml"):
        os.symlink(ROOT / name, folder / name)
    _draw_images(folder)
    ours = ("RAY_", "MLFLOW_", "PNEUMORAY_")
    environment = {key: value for key, value in os.environ.items() if not key.startswith(ours)}
    environment |= {
        "HOME": str(home),  # Ray leaves a token in it
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "RAY_TMPDIR": str(ray_folder),
        "CUDA_VISIBLE_DEVICES": "",  # train-all without --study would take one for GPUs
    }
    with contextlib.ExitStack() as stack:
        prefix = _OWN_NETWORK if _can_run(*_OWN_NETWORK, "true") else ()
        if not prefix:
            lock = Path(tempfile.gettempdir()) / f"pneumoray-docs-{os.getuid()}.lock"
            stack.enter_context(filelock.FileLock(lock))
            if taken := [port for port in PORTS if not _is_free(port)]:
                pytest.skip(f"port {taken[0]} is taken: end what listens there to run the docs")
        try:
            yield Sandbox(folder, environment, prefix)
        finally:  # a page that failed may have left its cluster
            subprocess.run([ROOT / "cluster" / "stop.sh"], env=environment, check=False)
            shutil.rmtree(home, ignore_errors=True)


def _draw_images(folder: Path) -> None:
    make_demo(folder / "chest_xray", scale=0.06)
    elsewhere = make_demo(folder.parent / "elsewhere", seed=1, scale=0.1)
    shutil.copytree(elsewhere / "test", folder / "other_hospital")
    (folder / "films").mkdir()
    (folder / "new").mkdir()
    rows = ["path,label,patient"]
    for name in ("NORMAL", "PNEUMONIA"):
        images = sorted((elsewhere / "train" / name).iterdir())
        for i, image in enumerate(images[:16]):
            shutil.copy(image, folder / "films" / f"{name[0]}{i:02}.jpeg")
            rows.append(f"{name[0]}{i:02}.jpeg,{name},{name[0]}{i // 2}")
        shutil.copy(images[16], folder / "new")
        shutil.copy(images[17], folder / "film.jpeg")
    (folder / "images.csv").write_text("\n".join(rows) + "\n")
    (folder / "scans").mkdir()
    rows = ["AccessionNumber,label,site"]
    for i in range(24):
        scan = dataset(Film(12), seed=i)
        scan.PatientID, scan.AccessionNumber = f"P{i // 2}", f"A{100 + i // 2}"
        (folder / "scans" / f"{i}").write_bytes(encoded(scan))
        if i % 2:
            rows.append(f"A{100 + i // 2},{('NORMAL', 'PNEUMONIA')[i // 2 % 2]},north")
    (folder / "visits.csv").write_text("\n".join(rows) + "\n")


def _can_run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
