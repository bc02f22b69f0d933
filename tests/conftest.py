"""What every test stands on: one thread, nothing from the caller's environment, one tiny Pack."""

import os
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


@pytest.fixture(scope="session", autouse=True)
def _no_environment() -> Iterator[None]:
    """Tests see no workspace, data, cluster or tracking server of the person who runs them."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            ours = name.startswith(("PNEUMORAY_", "MLFLOW_")) and name not in _KEPT
            if ours or name in ("RAY_ADDRESS", "RAY_JOB_CONFIG_JSON_ENV_VAR"):
                patch.delenv(name)
        yield


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
