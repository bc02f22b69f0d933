import io

import numpy as np
import pytest
from PIL import Image

from pneumoray.data.image import decode, decode_stored, from_array, load, pixel_sha256, to_array
from pneumoray.errors import DataError


def encode(image: Image.Image, kind: str = "PNG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(height: int = 6, width: int = 8) -> np.ndarray:
    return np.arange(height * width, dtype=np.uint8).reshape(height, width) * 5


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("1", "L"), ("L", "L"), ("LA", "L"), ("P", "RGB"), ("RGB", "RGB"), ("RGBA", "RGB")],
)
def test_every_png_mode_comes_out_grey_or_rgb(mode, expected):
    image, stored = decode_stored(encode(Image.fromarray(ramp()).convert(mode)))
    assert (image.mode, stored) == (expected, mode)
    if mode != "1":
        assert np.array_equal(np.asarray(image.convert("L")), ramp())


def test_sixteen_bits_are_scaled_not_clipped():
    stored = np.array([[0, 255, 256, 32768, 65534, 65535]], dtype=np.uint16)
    image, mode = decode_stored(encode(Image.fromarray(stored)))
    assert mode.startswith("I")
    assert np.asarray(image).tolist() == [[0, 1, 1, 128, 255, 255]]


def test_cmyk_jpeg_keeps_its_brightness():
    flat = Image.new("RGB", (16, 16), (200, 200, 200)).convert("CMYK")
    image, mode = decode_stored(encode(flat, "JPEG", quality=95))
    assert (image.mode, mode) == ("RGB", "CMYK")
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


def test_pixels_are_identical_across_lossless_formats_and_grey_rgb():
    grey = Image.fromarray(ramp())
    same = [
        encode(grey),
        encode(grey, "BMP"),
        encode(grey.convert("RGB")),
        encode(grey, "PNG", compress_level=0),
    ]
    assert len({pixel_sha256(decode(data)) for data in same}) == 1
    other = ramp()
    other[5, 7] += 1
    assert pixel_sha256(Image.fromarray(other)) != pixel_sha256(grey)
    turned = Image.fromarray(np.ascontiguousarray(ramp().reshape(8, 6)))
    assert pixel_sha256(turned) != pixel_sha256(grey)
