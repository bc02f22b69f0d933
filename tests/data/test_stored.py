"""What files of each depth and polarity store, and the film that they show, grey level by grey level."""

import numpy as np
import pytest
from encoded import BLACK_IS_ZERO, RGB, WHITE_IS_ZERO, encode, significant, tiff
from PIL import Image

from pneumoray.data.image import decode
from pneumoray.data.stored import decode_stored
from pneumoray.errors import DataError

TWELVE = np.array([[0, 8, 9, 2048, 4094, 4095]], np.uint16)
# Of 255 * v / 4095: 0, 0.498, 0.560, 127.53, 254.94, 255.
SHOWN = [[0, 0, 1, 128, 255, 255]]
INVERTED = [[255, 255, 254, 127, 0, 0]]


def grey(data: bytes, ranges=()) -> list[list[int]]:
    return np.asarray(decode(data, ranges)).tolist()


@pytest.mark.parametrize("order", ["<", ">"])
def test_twelve_bits_of_a_tiff_are_its_range_in_both_polarities(order):
    black = tiff(TWELVE, BLACK_IS_ZERO, order, bits=12)
    white = tiff(TWELVE, WHITE_IS_ZERO, order, bits=12)
    for data, shown, polarity in ((black, SHOWN, "black"), (white, INVERTED, "white")):
        stored = decode_stored(data)
        assert (stored.depth, stored.range) == ("12", (0, 4095))
        assert stored.polarity == f"{polarity} is zero"
        assert np.array_equal(stored.pixels, TWELVE)
        assert grey(data) == shown


@pytest.mark.parametrize("order", ["<", ">"])
def test_white_is_zero_at_8_and_16_bits_shows_what_black_is_zero_shows(order):
    film = np.array([[0, 1, 100, 254, 255]], np.uint8)
    assert grey(tiff(film, BLACK_IS_ZERO, order)) == film.tolist()
    assert grey(tiff(255 - film, WHITE_IS_ZERO, order)) == film.tolist()
    deep = film.astype(np.uint16) * 257
    assert grey(tiff(deep, BLACK_IS_ZERO, order)) == film.tolist()
    assert grey(tiff(65535 - deep, WHITE_IS_ZERO, order)) == film.tolist()
    packed = encode(film, "TIFF", compression="tiff_lzw", tiffinfo={262: 0})
    assert grey(packed) == film.tolist()  # Pillow writes it inverted


@pytest.mark.parametrize("order", ["<", ">"])
def test_signed_values_keep_their_sign(order):
    values = np.array([[-1024, -1, 0, 1023]], np.int16)
    stored = decode_stored(tiff(values, BLACK_IS_ZERO, order))
    assert (stored.depth, stored.range) == ("signed 16", None)
    assert stored.pixels.tolist() == values.tolist()
    # Of 255 * (v + 1024) / 2047: 0, 127.44, 127.56, 255.
    assert grey(tiff(values, BLACK_IS_ZERO, order)) == [[0, 127, 128, 255]]
    assert grey(tiff(values, WHITE_IS_ZERO, order)) == [[255, 128, 127, 0]]
    bytes_ = np.array([[-128, -1, 0, 127]], np.int8)
    assert grey(tiff(bytes_, BLACK_IS_ZERO, order)) == [[0, 127, 128, 255]]


def test_thirty_two_bits_keep_their_values():
    high = np.array([[0, 2**31, 2**32 - 1]], np.uint32)
    stored = decode_stored(tiff(high, BLACK_IS_ZERO))
    assert (stored.depth, stored.pixels.tolist()) == ("32", high.tolist())
    assert grey(tiff(high, BLACK_IS_ZERO)) == [[0, 128, 255]]
    assert decode_stored(tiff(high.view(np.int32), BLACK_IS_ZERO)).depth == "signed 32"


@pytest.mark.parametrize("shift", [0, 4])
def test_significant_bits_of_a_png_are_used_scaled_or_not(shift):
    data = significant(encode(TWELVE << shift), 12)
    assert decode_stored(data).depth == "12 of 16"
    if shift:  # 255 * 16 * v / 65535: 0, 0.498, 0.56, 127.5, 254.88, 254.94
        assert grey(data) == [[0, 0, 1, 128, 255, 255]]
    else:
        assert grey(data) == SHOWN
    assert decode_stored(encode(TWELVE << shift)).depth == "16"


def test_pgm_is_shown_by_its_maximum():
    binary = b"P5 6 1 4095\n" + TWELVE.astype(">u2").tobytes()
    text = b"P2\n# a comment\n6 1\n4095\n" + b" ".join(b"%d" % v for v in TWELVE[0])
    for data in (binary, text):
        stored = decode_stored(data)
        assert (stored.depth, stored.range) == ("12", (0, 4095))
        assert np.array_equal(stored.pixels, TWELVE)
        assert grey(data) == SHOWN
    thousand = b"P5 3 1 1000\n" + np.array([0, 500, 1000], ">u2").tobytes()
    assert grey(thousand) == [[0, 128, 255]]
    assert grey(b"P5 3 1 100\n" + bytes([0, 50, 100])) == [[0, 128, 255]]
    full = decode_stored(b"P5 6 1 65535\n" + TWELVE.astype(">u2").tobytes())
    assert (full.depth, full.range) == ("16", None)  # all that fits says nothing


def test_jpeg_2000_keeps_sixteen_bits():
    deep = np.tile(TWELVE << 4, (16, 4))
    stored = decode_stored(encode(deep, "JPEG2000", irreversible=False))
    assert (stored.depth, stored.range) == ("16", None)
    assert np.array_equal(stored.pixels, deep)
    eight = np.tile(np.arange(64, dtype=np.uint8), (64, 1))
    assert grey(encode(eight, "JPEG2000", irreversible=False)) == eight.tolist()


@pytest.mark.parametrize("kind", ["GIF", "BMP", "PPM", "AVIF", "WEBP"])
def test_other_formats_are_read(kind):
    film = np.tile(np.arange(64, dtype=np.uint8) * 4, (64, 1))
    lossless = {"AVIF": {"quality": 100}, "WEBP": {"lossless": True}}
    image = decode(encode(film, kind, **lossless.get(kind, {})))
    assert np.abs(np.asarray(image.convert("L")).astype(int) - film).max() <= 1


def test_colour_of_sixteen_bits_is_read_only_where_its_values_need_them():
    bright = np.array([[[65535, 32896, 0], [257, 257, 257]]], np.uint16)
    assert grey(tiff(bright, RGB)) == [[[255, 128, 0], [1, 1, 1]]]
    assert grey(tiff(bright, RGB, ">")) == [[[255, 128, 0], [1, 1, 1]]]
    with pytest.raises(DataError, match=r"16-bit colour .* 8 bits a channel"):
        decode(tiff(bright >> 4, RGB))


def test_floating_point_needs_a_range_and_numbers():
    values = np.array([[0, 0.5, 1]], np.float32)
    data = encode(values, "TIFF")
    with pytest.raises(DataError, match=r"floating-point .* --pixel-range 0 1"):
        decode(data)
    assert grey(data, (("float", 0, 1),)) == [[0, 128, 255]]
    assert grey(tiff(values, WHITE_IS_ZERO), (("float", 0, 1),)) == [[255, 128, 0]]
    for broken in (np.nan, np.inf):
        with pytest.raises(DataError, match="no numbers"):
            decode(encode(np.array([[0, broken]], np.float32), "TIFF"), (("float", 0, 1),))


def test_the_first_page_is_read_and_the_others_are_counted():
    pages = [Image.fromarray(np.full((8, 8), 50 * i, np.uint8)) for i in (1, 2, 3)]
    for kind in ("TIFF", "GIF", "PNG", "WEBP"):
        stored = decode_stored(
            encode(pages[0], kind, save_all=True, append_images=pages[1:], lossless=True)
        )
        assert stored.num_frames == 3
        assert np.asarray(stored.pixels.convert("L")).max() == 50


@pytest.mark.parametrize(
    ("data", "advice"),
    [
        (encode(Image.new("1", (10000, 9000))), "make it smaller"),
        (encode(Image.new("1", (20000, 19000))), "make it smaller"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 90, "starts like HEIC): convert it to PNG"),
        (tiff(np.zeros((2, 2)), BLACK_IS_ZERO), "a form of TIFF that is not known): convert it"),
        (encode(Image.new("LAB", (4, 4)), "TIFF"), "LAB: convert it to RGB or grey"),
        (b"version https://git-lfs.github.com", "git lfs pull"),
    ],
)
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_no_message_tells_to_delete_a_sound_film(data, advice):
    with pytest.raises(DataError) as error:
        decode(data)
    assert advice in str(error.value)
    assert "delete" not in str(error.value)


@pytest.mark.parametrize(("maximum", "depth"), [(255, "8"), (4095, "8"), (65535, "16 colour")])
def test_colour_of_a_ppm_is_unstated_only_where_its_maximum_says_nothing(maximum, depth):
    kind = ">u2" if maximum > 255 else "u1"
    values = (np.arange(8 * 8 * 3).reshape(8, 8, 3) % 256).astype(kind)
    data = f"P6 8 8 {maximum}\n".encode() + values.tobytes()
    assert decode_stored(data).depth == depth
