from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pneumoray.data.landmarks import LANDMARKS
from pneumoray.data.scenery import View, Weather, draw_weather, paint_landmark, paint_scene

FRONT = View(x_px=100, y_px=180, height_px=120, turn=0, tilt=0, lean=0)
NOON = Weather(
    sky=np.array([80.0, 140, 210]),
    horizon=np.array([200.0, 220, 240]),
    light=np.ones(3),
    haze=0.0,
    sun=0.5,
    ground=np.array([100.0, 120, 70]),
)


def test_points_are_projected_to_the_pixels_worked_out_by_hand():
    points = np.array([[0.0, 0.0], [0.5, 0.0], [0.0, 1.0]])
    assert FRONT.project(points) == [(100, 180), (160, 180), (100, 60)]
    quarter = replace(FRONT, tilt=np.pi / 2).project(points)
    assert np.allclose(quarter, [(100, 180), (100, 240), (220, 180)])
    leaning = replace(FRONT, lean=0.1).project(np.array([[0.5, 1.0]]))
    assert leaning == [(pytest.approx(100 + 120 * 0.45), 60)]
    turned = replace(FRONT, turn=-1).project(np.array([[0.5, 0.0]]))
    assert turned == [(100 + 120 * 0.375, 180)]


def test_a_colour_goes_from_its_own_to_that_of_the_haze():
    red = np.array([200.0, 50, 50])
    assert NOON.shade(red) == (200, 50, 50)
    assert NOON.shade(red, brightness=0.5) == (100, 25, 25)
    assert replace(NOON, haze=0.5).shade(red) == (200, 135, 145)
    assert replace(NOON, haze=0.5).shade(red, distance=3) == (200, 220, 240)
    assert replace(NOON, light=np.array([2.0, 1, 0])).shade(red) == (255, 50, 0)


@pytest.mark.parametrize("name", LANDMARKS)
def test_a_landmark_is_painted_around_its_foot_and_stays_the_same(name):
    images = []
    for _ in range(2):
        image = Image.new("RGB", (200, 200))
        paint_landmark(ImageDraw.Draw(image), name, NOON, FRONT)
        images.append(np.asarray(image))
    assert np.array_equal(*images)
    rows, columns = np.nonzero(images[0].any(axis=2))
    assert rows.min() < 110
    assert 175 <= rows.max() <= 185
    assert columns.min() < 100 < columns.max()


def test_a_scene_follows_from_its_random_numbers_and_no_two_are_alike():
    def scene(seed):
        rng = np.random.default_rng(seed)
        return np.asarray(paint_scene("temple", draw_weather(rng), (90, 60), rng))

    assert scene(0).shape == (60, 90, 3)
    assert np.array_equal(scene(0), scene(0))
    assert not np.array_equal(scene(0), scene(1))
