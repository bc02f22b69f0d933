"""Many images in flat memory: a row each, in their order, the very bits of one batch after another."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pneumoray import bundle
from pneumoray.data.unlabelled import Unusable
from pneumoray.stream import BATCH_IMAGES, stream

torch.set_num_threads(1)  # tiny networks: more threads only wait for each other


@pytest.fixture(scope="module")
def opened(make_bundle, tmp_path_factory):
    return bundle.load(make_bundle(tmp_path_factory.mktemp("stream") / "vote", num_members=2))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """150 grey images of several sizes."""
    folder, rng = tmp_path_factory.mktemp("films"), np.random.default_rng(0)
    paths = [folder / f"{i:03}.png" for i in range(150)]
    for i, path in enumerate(paths):
        pixels = rng.integers(0, 256, (30 + i % 7, 40), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
    return paths


def test_rows_are_those_of_batches_bit_for_bit_whatever_lies_between(opened, files, tmp_path):
    broken, gone = tmp_path / "broken.png", tmp_path / "gone.png"
    broken.write_bytes(b"no image")
    sources = [broken, *files[:70], gone, *files[70:], broken]
    tables = list(stream(opened, iter(sources)))
    rows = [row for table in tables for row in table.to_dict("records")]
    assert [row["file"] for row in rows] == [str(path) for path in sources]
    assert [i for i, row in enumerate(rows) if isinstance(row["error"], str)] == [0, 71, 152]
    assert rows[0]["error"].startswith("can't be decoded (no known image format)")
    assert rows[71]["error"].startswith("can't be read (No such file")
    whole = opened.predict([path.read_bytes() for path in files], batch_size=BATCH_IMAGES)
    usable = [row for row in rows if not isinstance(row["error"], str)]
    for column in whole:
        assert [row[column] for row in usable] == whole[column].tolist()
    assert len(tables) == 3


def test_bytes_and_pixels_are_named_by_their_place(opened, files):
    pixels = np.asarray(Image.open(files[0]))
    sources = [files[0].read_bytes(), pixels, files[0], b"x"]
    (table,) = stream(opened, sources)
    assert table["file"].tolist() == ["input 0", "input 1", str(files[0]), "input 3"]
    assert len(set(table["prob_PNEUMONIA"][:3])) == 1
    assert table["error"][3].startswith("the image can't be decoded")
    assert np.isnan(table["prob_PNEUMONIA"][3])


def test_nothing_but_broken_files_has_rows_too(opened, tmp_path):
    (table,) = stream(opened, [tmp_path / "a.png", tmp_path / "b.png"])
    assert table["error"].notna().all()
    assert table["predicted"].isna().all()
    assert list(stream(opened, [])) == []


def test_broken_files_are_told_before_a_usable_one_comes_and_change_no_batch(opened, files):
    gone = [Path(f"gone-{i}.png") for i in range(500)]
    tables = list(stream(opened, [*gone, *files[:70]]))
    assert [len(table) for table in tables] == [256, 500 - 256 + 64, 6]
    rows = pd.concat(tables, ignore_index=True).iloc[500:]
    whole = opened.predict([path.read_bytes() for path in files[:70]], batch_size=BATCH_IMAGES)
    assert rows["prob_PNEUMONIA"].tolist() == whole["prob_PNEUMONIA"].tolist()


def test_a_pipe_is_a_row_and_is_not_waited_for(opened, files, tmp_path):
    os.mkfifo(tmp_path / "x.png")
    (table,) = stream(opened, [tmp_path / "x.png", files[0]])
    assert table["error"].tolist() == [
        "can't be read (it is no regular file); check the file",
        None,
    ]


@pytest.mark.parametrize(
    ("name", "said"),
    [(b"\xff\xfe.png", "is empty"), (b"A" * 300, "File name too long"), (b"a\0b", "null byte")],
)
def test_a_name_that_is_no_text_or_no_name_is_a_row(opened, files, tmp_path, name, said):
    path = tmp_path / os.fsdecode(name)
    if said == "is empty":
        path.write_bytes(b"")
    (table,) = stream(opened, [path, files[0]])
    assert table["file"].tolist() == [str(path), str(files[0])]
    assert said in table["error"][0]
    assert table["error"][1] is None


def test_a_name_without_images_has_a_row(opened, files):
    (table,) = stream(opened, [files[0], Unusable("*.nope", "no file matches *.nope")])
    assert table["file"].tolist() == [str(files[0]), "*.nope"]
    assert table["error"].tolist() == [None, "no file matches *.nope"]


def test_the_callers_number_of_threads_is_left_alone(opened, files):
    torch.set_num_threads(2)
    try:
        tables = stream(opened, files)
        next(tables)
        tables.close()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(1)


STREAM = """
import resource, sys
from pathlib import Path
from pneumoray import bundle
from pneumoray.stream import stream
opened = bundle.load(sys.argv[1])
film, num = Path(sys.argv[2]), int(sys.argv[3])
rows = sum(len(table) for table in stream(opened, (film for _ in range(num))))
assert rows == num
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_images(make_bundle, tmp_path):
    """10,000 films against 500: what would be kept of each, decoded, is 1 MB."""
    make_bundle(tmp_path / "vote")
    film = tmp_path / "film.png"
    Image.fromarray(np.zeros((1000, 1000), np.uint8)).save(film)

    def peak_kib(num):
        command = [sys.executable, "-c", STREAM, str(tmp_path / "vote"), str(film), str(num)]
        return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    assert peak_kib(10_000) - peak_kib(500) < 60_000
