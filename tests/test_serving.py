"""What MLflow calls takes bytes, base64 or pixels, never paths, and needs little to be imported."""

import base64
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from pneumoray import bundle, serving
from pneumoray.bundle import Bundle, Member
from pneumoray.errors import DataError, PneumorayError
from pneumoray.models import zoo
from pneumoray.models.architecture import Architecture

torch.set_num_threads(1)  # tiny networks: more threads only wait for each other


def _png(array):
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture(scope="module")
def pixels():
    return np.random.default_rng(0).integers(0, 256, (5, 48, 40), dtype=np.uint8)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    architecture = Architecture("C4-P-F-D", 32, output="sigmoid")
    member = Member("a", "layers", architecture, "squeeze", 1.0, (0.4,), (0.25,))
    torch.manual_seed(0)
    state = zoo.build(architecture, 2).state_dict()
    path = tmp_path_factory.mktemp("bundle") / "one"
    bundle.save(Bundle((member,), ("NORMAL", "PNEUMONIA"), threshold=0.3), [state], path)
    return path


@pytest.fixture(scope="module")
def opened(folder):
    return bundle.load(folder)


def test_served_model_takes_bytes_base64_and_pixels(folder, opened, pixels):
    served = serving.load(str(folder))
    expected = opened.predict(pixels)
    encoded = [_png(p) for p in pixels]
    text = [base64.b64encode(data).decode() for data in encoded]
    for given in (
        pixels,
        pixels.astype(np.int64),
        encoded,
        text,
        np.array(encoded, dtype=object),
        np.array(text),
        pixels.tolist(),
        pd.DataFrame({"image": encoded, "age": 3}),
        pd.DataFrame({"anything": text}),
        {"image": text},
        {"image": np.array(text)},
        {"image": pixels},
        {"anything": encoded},
        [{"image": data} for data in text],
        [{"b64": data} for data in text],
        [{"image": np.array(data)} for data in text],
        np.array([{"image": data} for data in text], dtype=object),
    ):
        pd.testing.assert_frame_equal(served.predict(given), expected)
    one = served.predict(encoded[0], params={})
    for given in (
        encoded[:1],
        text[0],
        {"image": text[0]},
        {"image": np.array(text[0])},
        pixels[:1],
    ):
        pd.testing.assert_frame_equal(served.predict(given), one)


def test_a_table_holds_an_image_a_row_whatever_its_length(folder, opened, pixels):
    """Three images in a table stay three, where an array of that shape could be one."""
    served = serving.load(str(folder))
    expected = opened.predict(list(pixels[:3]))
    for given in (
        pd.DataFrame({"image": list(pixels[:3])}),
        pd.DataFrame({"image": pixels[:3].tolist()}),
        {"image": list(pixels[:3])},
        [{"image": one} for one in pixels[:3].tolist()],
    ):
        pd.testing.assert_frame_equal(served.predict(given), expected)
    for array in (pixels[:3], pixels[:3].tolist()):
        for given in (array, {"image": array}):
            with pytest.raises(DataError, match="3 grey images, or one with channels first"):
                served.predict(given)


def test_one_image_in_colour_is_one_row_in_every_form(folder, opened):
    served = serving.load(str(folder))
    film = np.random.default_rng(1).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    expected = opened.predict([film])
    for array in (film, film.tolist()):
        for given in (array, {"image": array}, [{"image": array}], {"image": [array]}):
            pd.testing.assert_frame_equal(served.predict(given), expected)


def test_one_grey_image_is_one_row_in_every_form(folder, opened, pixels):
    served = serving.load(str(folder))
    for array in (pixels[0], pixels[0].tolist()):
        for given in (array, {"image": array}, [{"image": array}], {"image": [array]}):
            pd.testing.assert_frame_equal(served.predict(given), opened.predict(pixels[:1]))


def test_images_of_several_sizes_are_one_a_row(folder, opened, pixels):
    served = serving.load(str(folder))
    several = [pixels[0], pixels[1, :20, :30], pixels[2, :48, :8]]
    given = {"image": [one.tolist() for one in several]}
    pd.testing.assert_frame_equal(served.predict(given), opened.predict(several))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["/etc/hostname"], "paths are not opened"),
        (["abcd"], "input 0: .*decoded"),
        (["ä"], "no base64"),
        ([b""], "input 0: .*empty"),
        ([3.5], "type float"),
        (np.zeros(4, np.uint8), "input 0"),
        (np.full((1, 8, 8), 300), "from 0 to 255"),
        (np.zeros((1, 4, 4, 7), np.uint8), "shape"),
        (pd.DataFrame({"a": [b""], "b": [b""]}), "columns a, b"),
        ({"a": [b""], "b": [b""]}, "columns a, b"),
        ({"image": "/etc/hostname"}, "paths are not opened"),
        ({"image": None}, "type NoneType"),
        ([[[1, 2], [3]]], "rows of several lengths"),
        (None, "type NoneType"),
        (Path("/etc/hostname"), "type PosixPath"),
        ([Path("/etc/hostname")], "type PosixPath"),
    ],
)
def test_served_model_refuses_what_is_no_image(folder, given, message):
    with pytest.raises(DataError, match=message):
        serving.load(str(folder)).predict(given)


def test_a_path_to_a_real_image_is_not_opened(folder, tmp_path, pixels):
    path = tmp_path / "image"
    path.write_bytes(_png(pixels[0]))
    with pytest.raises(PneumorayError):
        serving.load(str(folder)).predict([str(path)])


def test_importing_brings_neither_ray_nor_mlflow():
    code = (
        "import sys, pneumoray.serving; "
        "print([m for m in ('ray', 'mlflow', 'sklearn', 'pydantic', 'yaml') if m in sys.modules])"
    )
    root = Path(serving.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root
    )
    assert done.stdout.strip() == "[]"
