"""What is known of an image after reading: its pixel hash, extremes, colour; blanks and depth."""

import hashlib

import numpy as np
import pytest
from encoded import encode, ramp
from PIL import Image

from pneumoray.data.facts import facts_of, fingerprint
from pneumoray.data.image import decode, from_array
from pneumoray.data.stored import Stored, decode_stored


def sha256(image: Image.Image) -> str:
    return fingerprint(Stored(image))[0]


def test_pixels_are_identical_across_lossless_formats_and_grey_rgb():
    grey = Image.fromarray(ramp())
    same = [
        encode(grey),
        encode(grey, "BMP"),
        encode(grey.convert("RGB")),
        encode(grey, "PNG", compress_level=0),
    ]
    assert len({sha256(decode(data)) for data in same}) == 1
    other = ramp()
    other[5, 7] += 1
    assert sha256(Image.fromarray(other)) != sha256(grey)
    turned = Image.fromarray(np.ascontiguousarray(ramp().reshape(8, 6)))
    assert sha256(turned) != sha256(grey)


def test_a_pixel_hash_is_of_shape_and_pixels_and_stays_what_older_packs_hold():
    grey = np.arange(20, dtype=np.uint8).reshape(4, 5)
    expected = hashlib.sha256(b"(4, 5)" + grey.tobytes()).hexdigest()
    assert sha256(from_array(grey)) == expected
    assert sha256(from_array(grey).convert("RGB")) == expected
    for height, width in ((4, 5), (301, 207), (2, 70_000)):  # the last in strips of one row
        color = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
        head = repr(color.shape).encode()
        expected = hashlib.sha256(head + color.tobytes()).hexdigest()
        assert sha256(from_array(color)) == expected


def test_one_coloured_pixel_makes_an_image_another_than_its_grey_twin():
    grey = np.full((900, 90), 7, dtype=np.uint8)  # RGB rows in four strips
    for row, column in ((0, 0), (450, 45), (899, 89), (333, 1)):
        color = np.stack([grey] * 3, axis=2)
        color[row, column, 2] += 1
        assert sha256(from_array(color)) != sha256(from_array(grey))
        assert sha256(from_array(color)) == sha256(from_array(color.copy()))


def deep(values, **options) -> Stored:
    return decode_stored(encode(Image.fromarray(np.asarray(values, np.uint16)), **options))


def test_copies_are_found_on_what_is_stored_before_depth_is_reduced():
    """By 8 bits the first two are equal; the last four are one film, in three forms and two files."""
    values = ramp().astype(np.uint16)
    one, other = values * 16, values * 16 + 1
    assert fingerprint(deep(one))[0] != fingerprint(deep(other))[0]
    assert fingerprint(deep(one))[0] == fingerprint(deep(one, compress_level=0))[0]
    tiff = decode_stored(encode(Image.fromarray(one), "TIFF"))
    assert fingerprint(deep(one))[0] == fingerprint(tiff)[0]
    for film in (deep(values), deep(values * 257)):
        assert fingerprint(film)[0] == sha256(Image.fromarray(ramp()))


def test_the_lowest_and_highest_values_are_those_stored():
    assert fingerprint(deep([[3, 4000], [7, 9]]))[1:3] == (3, 4000)
    assert fingerprint(Stored(Image.fromarray(ramp())))[1:3] == (0, 235)
    colour = np.zeros((900, 90, 3), np.uint8) + 7
    colour[899, 89, 2] = 200
    assert fingerprint(Stored(Image.fromarray(colour)))[1:3] == (7, 200)


def test_facts_tell_depth_polarity_pages_quality_and_colour():
    data = encode(Image.fromarray(ramp(64, 64)), "JPEG", quality=83)
    facts = facts_of(decode_stored(data), data)
    assert facts["jpeg_quality"] == "83"
    assert (facts["depth"], facts["polarity"], facts["num_frames"]) == ("8", "black is zero", 1)
    assert (facts["red_share"], facts["blue_share"], facts["colour"]) == (1 / 3, 1 / 3, 0)
    flat = np.zeros((5, 4, 3), np.uint8) + np.array([60, 30, 10], np.uint8)
    data = encode(Image.fromarray(flat))
    facts = facts_of(decode_stored(data), data)
    assert (facts["red_share"], facts["blue_share"]) == (0.6, 0.1)
    assert (facts["colour"], facts["jpeg_quality"]) == (50, "")
    assert facts["brightness"] == pytest.approx(0.299 * 60 + 0.587 * 30 + 0.114 * 10)
    pages = [Image.fromarray(ramp() + np.uint8(i)) for i in range(3)]
    data = encode(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    stored = decode_stored(data)
    assert facts_of(stored, data)["num_frames"] == 3
    assert np.array_equal(np.asarray(stored.pixels), ramp())


@pytest.mark.parametrize("quality", [30, 50, 75, 92, 100])
def test_the_quality_of_a_jpeg_is_read_from_its_tables(quality):
    data = encode(Image.fromarray(ramp(64, 64)), "JPEG", quality=quality)
    assert abs(int(decode_stored(data).jpeg_quality) - quality) <= 1
