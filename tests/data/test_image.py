import numpy as np
import pytest
from encoded import encode, ramp
from PIL import Image

from pneumoray.data.image import (
    ImageSettings,
    decode,
    from_array,
    load,
    to_array,
)
from pneumoray.data.stored import decode_stored
from pneumoray.errors import DataError


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", "L"), ("L", "L"), ("LA", "L"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGB")],
)
def test_every_png_mode_comes_out_grey_or_rgb(mode, expected):
    data = encode(Image.fromarray(ramp()).convert(mode))
    image = decode(data)
    assert (image.mode, decode_stored(data).mode) == (expected, mode)
    if mode != "1":
        assert np.array_equal(np.asarray(image.convert("L")), ramp())


def test_sixteen_bits_are_scaled_not_clipped():
    stored = np.array([[0, 255, 256, 32768, 65534, 65535]], dtype=np.uint16)
    data = encode(Image.fromarray(stored))
    assert decode_stored(data).mode.startswith("I")
    assert np.asarray(decode(data)).tolist() == [[0, 1, 1, 128, 255, 255]]


def test_cmyk_jpeg_keeps_its_brightness():
    flat = Image.new("RGB", (16, 16), (200, 200, 200)).convert("CMYK")
    data = encode(flat, "JPEG", quality=95)
    image = decode(data)
    assert (image.mode, decode_stored(data).mode) == ("RGB", "CMYK")
    assert abs(np.asarray(image).mean() - 200) < 4


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_exif_orientation_is_applied(kind):
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    left_bright = np.zeros((8, 16), dtype=np.uint8)
    left_bright[:, :8] = 255
    image = decode(encode(Image.fromarray(left_bright), kind, exif=exif))
    assert image.size == (8, 16)
    assert np.asarray(image)[:6].min() > 200  # left became top


def test_orientation_holds_for_sixteen_bits_too():
    exif = Image.Exif()
    exif[0x0112] = 3
    image = decode(encode(Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)), exif=exif))
    assert np.asarray(image).tolist() == [[255, 0]]


def test_shrinking_averages_areas():
    array = np.array([[0, 100, 10, 10], [100, 200, 10, 10], [0, 0, 40, 40], [0, 0, 80, 80]])
    small = to_array(from_array(array.astype(np.uint8)), 2, "squeeze", "grey")
    assert small[:, :, 0].tolist() == [[100, 10], [0, 60]]


def test_pad_and_crop_keep_the_aspect_ratio():
    wide = np.full((4, 8), 90, dtype=np.uint8)
    wide[:, 2:6] = 200
    padded = to_array(from_array(wide), 8, "pad", "grey")[:, :, 0]
    assert padded[[0, 1, 6, 7]].max() == 0
    assert np.array_equal(padded[2:6], wide)
    assert (to_array(from_array(wide), 4, "crop", "grey") == 200).all()
    assert to_array(from_array(wide), 4, "squeeze", "rgb").shape == (4, 4, 3)
    assert to_array(from_array(np.full((1, 900), 7, np.uint8)), 4, "pad", "grey").max() == 7


def test_a_fraction_of_the_crop_is_the_middle_of_it():
    array = np.arange(16 * 24, dtype=np.uint16).reshape(16, 24) % 251
    image = from_array(array.astype(np.uint8))
    half = to_array(image, 8, "crop", "grey", crop_fraction=0.5)
    assert np.array_equal(half[:, :, 0], array[4:12, 8:16])
    whole = to_array(image, 16, "crop", "grey", crop_fraction=1.0)
    assert np.array_equal(whole[:, :, 0], array[:, 4:20])
    assert np.array_equal(whole, to_array(image, 16, "crop", "grey"))
    shrunk = to_array(image, 4, "crop", "grey", crop_fraction=0.5)[:, :, 0]
    means = array[4:12, 8:16].reshape(4, 2, 4, 2).mean((1, 3))
    assert np.abs(shrunk - means).max() <= 1
    tiny = to_array(image, 4, "crop", "rgb", crop_fraction=0.01)
    assert tiny.shape == (4, 4, 3)
    assert abs(int(tiny.max()) - int(array[8, 12])) <= 25  # about one pixel of the middle, grown


@pytest.mark.parametrize("fit", ["squeeze", "pad"])
def test_other_fits_have_no_crop_fraction(fit):
    array = np.random.default_rng(0).integers(0, 256, (10, 14), dtype=np.uint8)
    pair = [to_array(from_array(array), 7, fit, "grey", crop_fraction=f) for f in (0.5, 1.0)]
    assert np.array_equal(*pair)
    assert ImageSettings(7, fit, crop_fraction=0.5) == ImageSettings(7, fit)
    assert hash(ImageSettings(7, fit, crop_fraction=0.5)) == hash(ImageSettings(7, fit))
    assert ImageSettings(7, "crop", crop_fraction=0.5) != ImageSettings(7, "crop")


def test_settings_are_written_as_before_the_crop_fraction_unless_it_is_used():
    assert ImageSettings(7, "crop").as_json() == {"size": 7, "fit": "crop", "color": "grey"}
    cropped = ImageSettings(7, "crop", "rgb", 0.5)
    assert cropped.as_json()["crop_fraction"] == 0.5
    assert ImageSettings(**cropped.as_json()) == cropped


def box_average(array: np.ndarray, size: int) -> np.ndarray:
    """(H, W) -> (size, size) float64: the mean over each area, pixels cut by its edge in part."""
    array = array.astype(np.float64)
    for axis in (0, 1):
        num_pixels = array.shape[axis]
        sums = np.concatenate([np.zeros_like(array.take([0], axis)), array], axis).cumsum(axis)
        edges = np.arange(size + 1) * num_pixels / size
        low = np.minimum(edges.astype(int), num_pixels - 1)
        part = (edges - low).reshape((-1, 1) if axis == 0 else (1, -1))
        ends = (1 - part) * sums.take(low, axis) + part * sums.take(low + 1, axis)
        array = np.diff(ends, axis=axis) * size / num_pixels
    return array


def large_photograph(height: int, width: int) -> np.ndarray:
    """A gradient with noise and a fine checkerboard, which picking single pixels would alias."""
    y, x = np.mgrid[:height, :width]
    smooth = 60 + 60 * x / width + 40 * np.sin(5 * y / height)
    noise = np.random.default_rng(0).normal(0, 12, (height, width))
    return np.clip(smooth + noise + 40 * ((x + y) % 2), 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("height", "width"), [(3024, 4032), (4032, 3024)])
def test_a_large_photograph_is_shrunk_to_the_averages_of_its_areas(height, width):
    array = large_photograph(height, width)
    small = to_array(from_array(array), 64, "squeeze", "grey")[:, :, 0]
    assert np.abs(small - box_average(array, 64)).max() <= 1
    middle = array[504:-504] if height > width else array[:, 504:-504]
    cropped = to_array(from_array(array), 64, "crop", "grey")[:, :, 0]
    assert np.abs(cropped - box_average(middle, 64)).max() <= 1


def test_a_large_jpeg_is_decoded_whole_before_it_is_shrunk():
    """Decoding at an eighth would be faster and would change the result."""
    array = large_photograph(1512, 2016)
    stored = encode(Image.fromarray(array), "JPEG", quality=92)
    exact = box_average(np.asarray(decode(stored)), 64)
    assert np.abs(load(stored, 64, "squeeze", "grey")[:, :, 0] - exact).max() <= 1
    assert decode(stored).size == (2016, 1512)


def test_growing_interpolates():
    grown = to_array(from_array(np.array([[0, 200]], np.uint8)), 8, "squeeze", "grey")[0, :, 0]
    assert (np.diff(grown.astype(int)) >= 0).all()
    assert 0 < grown[4] < 200


@pytest.mark.parametrize("shape", [(5, 4), (5, 4, 1), (5, 4, 3)])
def test_arrays_become_images_and_back(shape):
    array = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    assert np.array_equal(np.asarray(from_array(array)).reshape(shape), array)


@pytest.mark.parametrize(
    "array", [np.zeros((4, 4)), np.zeros((4, 4, 2), np.uint8), np.zeros((0, 4), np.uint8)]
)
def test_arrays_that_are_no_image_are_refused(array):
    with pytest.raises(DataError, match="give"):
        from_array(array)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "empty"),
        (b"hello", "no known image format"),
        (b"<html>404</html>", "starts like HTML"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS"),
        (b"\0" * 128 + b"DICM" + b"\0" * 50, "DICOM"),
        (encode(Image.fromarray(ramp(200, 200)), "JPEG")[:-400], "truncated"),
        (encode(Image.fromarray(ramp(200, 200)))[:-400], "can't be decoded"),
        (encode(Image.fromarray(ramp().astype(np.float32)), "TIFF"), "floating-point"),
    ],
)
def test_what_cannot_be_decoded_is_refused_in_one_line(tmp_path, data, reason):
    path = tmp_path / "x.png"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(DataError, match=reason) as error:
            load(source, 8, "squeeze", "grey")
        assert "\n" not in str(error.value)
    assert str(path) in str(error.value)


def test_a_missing_file_and_a_bomb_are_refused(tmp_path):
    with pytest.raises(DataError, match="can't be read"):
        decode(tmp_path / "nowhere.png")
    bomb = encode(Image.new("1", (20_000, 20_000)))
    with pytest.raises(DataError, match="can't be decoded"):
        decode(bomb)
