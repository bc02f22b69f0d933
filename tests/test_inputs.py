"""A single array is one image or an error, never its rows; N arrays are N images."""

import numpy as np
import pandas as pd
import pytest

from pneumoray import inputs
from pneumoray.errors import DataError


@pytest.mark.parametrize(
    ("shape", "num_images"),
    [
        ((40, 32), 1),
        ((40, 32, 1), 1),
        ((40, 32, 3), 1),
        ((1, 40, 32), 1),
        ((5, 40, 32), 5),
        ((0, 40, 32), 0),
        ((1, 40, 32, 3), 1),
        ((3, 40, 32, 3), 3),
        ((5, 40, 32, 1), 5),
    ],
)
def test_an_array_is_one_image_or_n_of_them(shape, num_images):
    pixels = np.zeros(shape, np.uint8)
    found = inputs.listed(pixels)
    assert len(found) == num_images
    for i, one in enumerate(found):
        assert inputs.decode(one, i).size == (32, 40)


def test_the_narrowest_images_of_several_have_8_columns():
    assert len(inputs.listed(np.zeros((40, 32, 8), np.uint8))) == 40


@pytest.mark.parametrize(
    ("shape", "said"),
    [
        ((3, 40, 32), "3 grey images, or one with channels first"),
        ((4, 40, 32), "4 grey images, or one with channels first"),
        ((40, 32, 4), "read in several ways"),
        ((40, 32, 0), "has 0 channels"),
        ((40, 32, 2), "has 2 channels"),  # grey with alpha
        ((40, 32, 5), "has 5 channels"),
        ((40, 32, 7), "has 7 channels"),
        ((3, 40, 3), "read in several ways"),
        ((1, 40, 1), "read in several ways"),
        ((), "single number is no image"),
    ],
)
def test_an_array_that_can_be_read_in_two_ways_is_refused_with_the_way_to_say_it(shape, said):
    with pytest.raises(DataError, match=said) as error:
        inputs.listed(np.zeros(shape, np.uint8))
    assert "give a list of images" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("shape", "num_images"),
    [((40, 32), 1), ((40, 32, 3), 1), ((5, 40, 32), 5), ((2, 40, 32, 3), 2)],
)
def test_a_list_of_lists_of_numbers_is_read_as_its_array(shape, num_images):
    assert len(inputs.listed(np.zeros(shape, np.uint8).tolist())) == num_images


@pytest.mark.parametrize("shape", [(3, 40, 32), (40, 32, 2)])
def test_a_list_of_lists_is_refused_where_its_array_is(shape):
    with pytest.raises(DataError, match="give a list of images"):
        inputs.listed(np.zeros(shape, np.uint8).tolist())


def test_one_image_in_colour_with_a_short_row_is_refused_not_read_as_its_rows():
    rows = np.zeros((40, 32, 3), np.uint8).tolist()
    with pytest.raises(DataError, match="rows of several lengths"):
        inputs.listed([*rows[1:], rows[0][1:]])


@pytest.mark.parametrize("shape", [(1, 40, 32), (3, 40, 32), (40, 32, 4), (40,)])
def test_an_item_of_a_list_is_one_image_with_channels_last(shape):
    (one,) = inputs.listed([np.zeros(shape, np.uint8)])
    with pytest.raises(DataError, match=r"input 0: pixels have shape \("):
        inputs.decode(one, 0)


@pytest.mark.parametrize(
    ("pixels", "said"),
    [
        (np.zeros((4, 4)), "float64; give uint8"),
        (np.zeros((4, 4), bool), "bool"),
        (np.zeros((4, 4), np.uint16), "uint16"),  # 8 or 16 bit? It can't be told from dark pixels
        (np.full((4, 4), 256), "from 0 to 255"),
        (np.full((4, 4), -1), "from 0 to 255"),
    ],
)
def test_pixels_of_another_range_are_refused_not_guessed(pixels, said):
    with pytest.raises(DataError, match=said):
        inputs.decode(pixels, 0)


def test_numbers_as_python_has_them_are_pixels():
    stored = inputs.decode(np.array([[0, 255], [7, 1]]), 0)
    assert np.asarray(stored.pixels).tolist() == [[0, 255], [7, 1]]


@pytest.mark.parametrize("one", [b"x", bytearray(b"x"), memoryview(b"x"), "text"])
def test_what_is_encoded_is_one_image(one):
    assert inputs.listed(one) == [one]


@pytest.mark.parametrize(
    "several", [[b"x", b"y"], (b"x", b"y"), pd.Series([b"x", b"y"]), np.array([b"x", b"y"])]
)
def test_a_list_has_an_image_an_item(several):
    assert list(inputs.listed(several)) == [b"x", b"y"]


def test_other_types_are_refused_with_their_place():
    with pytest.raises(DataError, match="type int"):
        inputs.listed(3)
    with pytest.raises(DataError, match="input 7 is of type str"):
        inputs.decode("film.png", 7)
