import math
from dataclasses import replace

import pytest
import torch
from torch.nn.functional import conv2d, pad

from pneumoray.data.augment import COLUMNS, PRESETS, Augment, apply, build_augment, draw_table

IDENTITY = dict.fromkeys(COLUMNS, 0.0) | {"xx": 1.0, "yy": 1.0, "gamma": 1.0, "contrast": 1.0}
EVERYTHING = PRESETS["wide"]
WARP, SHARPNESS, GAMMA = Augment(flip=True), Augment(sharpness=1.0), Augment(gamma=1.0)
CONTRAST, NOISE, ERASE = Augment(contrast=1.0), Augment(noise=1.0), Augment(erase=1.0)


def row(**values):
    return torch.tensor([list((IDENTITY | values).values())])


def random_images(num_images=4, channels=1, height=8, width=8):
    return torch.rand(
        num_images, channels, height, width, generator=torch.Generator().manual_seed(0)
    )


def column(table, name):
    return table[:, COLUMNS.index(name)]


def test_the_preset_none_returns_the_very_images():
    images = random_images()
    assert apply(images, draw_table(PRESETS["none"], 4, 0, 0), PRESETS["none"]) is images


def test_drawing_without_variation_gives_the_identity_in_every_row():
    table = draw_table(PRESETS["none"], 5, 0, 0)
    keep = [i for i, name in enumerate(COLUMNS) if name not in ("noise_at", "erase_x", "erase_y")]
    torch.testing.assert_close(table[:, keep], row()[:, keep].expand(5, -1), rtol=0, atol=0)


@pytest.mark.parametrize("size", [8, 64, 224])
def test_identity_parameters_give_identical_images(size):
    images = random_images(2, 3, size, size)
    varied = apply(images, row().expand(2, -1), EVERYTHING)
    # 224 is no power of two: the coordinates round, by far less than a grey level
    torch.testing.assert_close(varied, images, rtol=0, atol=1e-6 if size < 224 else 1e-4)


def test_the_table_is_fixed_by_seed_and_epoch():
    first = draw_table(EVERYTHING, 6, seed=1, epoch=2)
    assert first.shape == (6, len(COLUMNS))
    assert first.dtype == torch.float32
    assert torch.equal(first, draw_table(EVERYTHING, 6, seed=1, epoch=2))
    assert not torch.equal(first, draw_table(EVERYTHING, 6, seed=2, epoch=1))
    assert not torch.equal(first, draw_table(EVERYTHING, 6, seed=1, epoch=3))


def test_switching_the_flip_off_leaves_all_else_as_it_was():
    flipped, straight = (
        draw_table(a, 200, 0, 0) for a in (EVERYTHING, replace(EVERYTHING, flip=False))
    )
    mirrored = [COLUMNS.index("xx"), COLUMNS.index("yx")]
    assert torch.equal(flipped[:, mirrored].abs(), straight[:, mirrored].abs())
    others = [i for i in range(len(COLUMNS)) if i not in mirrored]
    assert torch.equal(flipped[:, others], straight[:, others])
    assert (straight[:, 0] > 0).all()
    assert 60 < (flipped[:, 0] < 0).sum() < 140


def test_parameters_stay_within_what_was_asked_and_use_its_whole_range():
    table = draw_table(EVERYTHING, 20_000, 0, 0)
    for name, low, high in [
        ("gamma", math.exp(-0.35), math.exp(0.35)),
        ("contrast", 0.7, 1.3),
        ("brightness", -0.1, 0.1),
        ("sharpness", -0.8, 0.8),
        ("noise", 0, 0.02),
        ("noise_at", 0, 2**20 - 1),
    ]:
        values = column(table, name)
        margin = 0.01 * (high - low)
        assert low - 1e-6 <= values.min() < low + margin, name
        assert high - margin < values.max() <= high + 1e-6, name
    area = 4 * column(table, "erase_width") * column(table, "erase_height") / 4
    assert 0.48 < (area == 0).float().mean() < 0.52
    assert 0.099 < area.max() <= 0.1 + 1e-6


def test_a_crop_window_has_the_asked_area_and_stays_inside_the_image():
    table = draw_table(Augment(crop_scale_min=0.3, crop_ratio=4 / 3), 20_000, 0, 0)
    width, height = column(table, "xx"), column(table, "yy")
    assert (width + column(table, "x0").abs()).max() <= 1 + 1e-6
    assert (height + column(table, "y0").abs()).max() <= 1 + 1e-6
    inside = (width < 1) & (height < 1)
    area, aspect = (width * height)[inside], (width / height)[inside]
    assert 0.3 - 1e-6 <= area.min() < 0.305
    assert 3 / 4 - 1e-6 <= aspect.min() < 0.76
    assert 1.32 < aspect.max() <= 4 / 3 + 1e-6


def test_a_mirrored_image_is_flipped_and_flipping_twice_restores_it():
    images = random_images(width=16)
    mirror = row(xx=-1.0).expand(4, -1)
    mirrored = apply(images, mirror, WARP)
    assert torch.equal(mirrored, images.flip(3))
    assert torch.equal(apply(mirrored, mirror, WARP), images)


def test_a_crop_window_samples_the_pixels_worked_out_by_hand():
    ramp = torch.arange(4.0).expand(1, 1, 4, 4) / 4
    # The middle half: outputs at -3/4, -1/4, 1/4, 3/4 read inputs at half of that, which are
    # ((x + 1) * 4 - 1) / 2 = 0.75, 1.25, 1.75, 2.25 pixels.
    expected = torch.tensor([0.75, 1.25, 1.75, 2.25]).expand(1, 1, 4, 4) / 4
    assert torch.equal(apply(ramp, row(xx=0.5, yy=0.5), WARP), expected)
    # A quarter of the width further left: one pixel of the half-size window's pitch, twice.
    shifted = apply(ramp, row(xx=0.5, yy=0.5, x0=-0.25), WARP)
    assert torch.equal(shifted, expected - 0.5 / 4)


def test_a_quarter_turn_is_exactly_a_quarter_turn():
    images = random_images()
    turn = row(xx=0.0, xy=-1.0, yx=1.0, yy=0.0).expand(4, -1)
    assert torch.equal(apply(images, turn, WARP), images.rot90(1, (2, 3)))


def test_drawn_rotations_have_unit_determinant_and_the_asked_angles():
    table = draw_table(Augment(rotate_degrees=12), 5000, 0, 0)
    xx, xy, yx, yy = (column(table, name) for name in ("xx", "xy", "yx", "yy"))
    torch.testing.assert_close(xx * yy - xy * yx, torch.ones(5000))
    degrees = torch.rad2deg(torch.atan2(yx, xx))
    assert -12 - 1e-3 <= degrees.min() < -11.9
    assert 11.9 < degrees.max() <= 12 + 1e-3


def test_zooming_out_mirrors_the_border():
    images = random_images(1)
    zoomed = apply(images, row(xx=2.0, yy=2.0), Augment(crop_scale_max=4.0))
    assert zoomed.min() > 0.05  # zero padding would have left black
    assert torch.equal(apply(images, row(x0=0.25), WARP)[..., -1], images[..., -1])


def test_intensities_are_those_worked_out_by_hand():
    images = torch.tensor([0.0, 0.2, 0.4, 1.0]).view(1, 1, 2, 2)  # mean 0.4
    squared = apply(images, row(gamma=2.0), GAMMA).flatten()
    torch.testing.assert_close(squared, torch.tensor([0.0, 0.04, 0.16, 1.0]))
    halved = apply(images, row(contrast=0.5), CONTRAST).flatten()
    torch.testing.assert_close(halved, torch.tensor([0.2, 0.3, 0.4, 0.7]))
    brighter = apply(images, row(contrast=2.0, brightness=0.1), CONTRAST).flatten()
    torch.testing.assert_close(brighter, torch.tensor([0.0, 0.1, 0.5, 1.0]))  # clamped


def test_sharpness_minus_one_is_a_binomial_filter_and_plus_one_its_opposite():
    images = 0.4 + 0.2 * random_images()
    kernel = torch.tensor([1.0, 2.0, 1.0]) / 4
    blurred = conv2d(
        pad(images, (1, 1, 1, 1), mode="replicate"), (kernel[:, None] * kernel)[None, None]
    )
    varied = apply(images, row(sharpness=-1.0).expand(4, -1), SHARPNESS)
    torch.testing.assert_close(varied, blurred)
    varied = apply(images, row(sharpness=1.0).expand(4, -1), SHARPNESS)
    torch.testing.assert_close(varied, 2 * images - blurred)


def test_noise_has_the_asked_strength_and_follows_its_place_in_the_bank():
    grey = torch.full((3, 1, 64, 64), 0.5)
    table = torch.cat([row(noise=0.02, noise_at=place) for place in (0.0, 5000.0, 2**20 - 1.0)])
    noise = apply(grey, table, NOISE) - 0.5
    assert torch.allclose(noise.std((1, 2, 3)), torch.tensor(0.02), rtol=0.05)
    assert noise.mean().abs() < 0.001
    assert torch.corrcoef(noise.flatten(1)).triu(1).abs().max() < 0.06


def test_a_rectangle_is_greyed_exactly_where_asked():
    images = random_images(1)
    where = row(erase_x=0.5, erase_y=0.0, erase_width=0.25, erase_height=0.5)
    expected = images.clone()
    expected[:, :, 2:6, 5:7] = images.mean()
    torch.testing.assert_close(apply(images, where, ERASE), expected)


@pytest.mark.parametrize("name", ["light", "wide"])
@pytest.mark.parametrize("channels", [1, 3])
def test_presets_keep_shape_and_range_and_leave_their_input_alone(name, channels):
    images = random_images(16, channels, 20, 30).contiguous(memory_format=torch.channels_last)
    before = images.clone()
    varied = apply(images, draw_table(PRESETS[name], 16, 0, 0), PRESETS[name])
    assert torch.equal(images, before)
    assert varied.shape == images.shape
    assert varied.dtype == torch.float32
    assert 0 <= varied.min() < varied.max() <= 1
    assert (varied - images).abs().flatten(1).mean(1).min() > 0.005  # each image has changed


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [15, 64])
def test_an_image_gets_the_same_bits_alone_as_in_any_batch(channels, size):
    images = random_images(7, channels, size, size)
    table = draw_table(EVERYTHING, 7, 0, 0)
    together = apply(images, table, EVERYTHING)
    for i in range(7):
        alone = apply(images[i : i + 1], table[i : i + 1], EVERYTHING)
        assert torch.equal(alone[0], together[i])
    assert torch.equal(apply(images[1::2], table[1::2], EVERYTHING), together[1::2])


def test_different_epochs_show_different_images():
    images = random_images()
    first, second = (apply(images, draw_table(EVERYTHING, 4, 0, e), EVERYTHING) for e in (1, 2))
    assert (first - second).abs().mean() > 0.01


@pytest.mark.parametrize("preset", ["none", "light", "wide"])
def test_without_switches_a_preset_is_what_it_is(preset):
    assert build_augment(preset, None, None, None) == PRESETS[preset]


@pytest.mark.parametrize("preset", ["none", "light", "wide"])
@pytest.mark.parametrize(
    ("switch", "changed"),
    [
        ({"flip": True}, {"flip": True}),
        ({"flip": False}, {"flip": False}),
        ({"zoom": 0.5}, {"crop_scale_min": 0.25, "crop_scale_max": 2.25}),
        ({"zoom": 0.0}, {"crop_scale_min": 1.0, "crop_scale_max": 1.0}),
        ({"rotate": 7.0}, {"rotate_degrees": 7.0}),
        ({"rotate": 0.0}, {"rotate_degrees": 0.0}),
    ],
)
def test_a_switch_changes_only_what_it_names(preset, switch, changed):
    wanted = {"flip": None, "zoom": None, "rotate": None} | switch
    assert build_augment(preset, **wanted) == replace(PRESETS[preset], **changed)


@pytest.mark.parametrize(
    ("switch", "moved"),
    [
        ({"flip": True}, {"xx"}),
        ({"zoom": 0.2}, {"xx", "yy", "x0", "y0"}),
        ({"rotate": 10.0}, {"xx", "xy", "yx", "yy"}),
    ],
)
def test_a_switch_alone_moves_only_its_columns_and_always_the_same_way(switch, moved):
    augment = build_augment("none", **switch)
    table, still = draw_table(augment, 500, 0, 1), draw_table(PRESETS["none"], 500, 0, 1)
    differing = {
        name for name in COLUMNS if not torch.equal(column(table, name), column(still, name))
    }
    assert differing == moved
    assert torch.equal(table, draw_table(augment, 500, 0, 1))


def test_zoom_shows_windows_whose_sides_are_from_one_minus_to_one_plus_it():
    table = draw_table(build_augment("none", zoom=0.2), 20_000, 0, 0)
    width, height = column(table, "xx"), column(table, "yy")
    torch.testing.assert_close(width, height)  # one factor for both: the aspect stays
    assert 0.8 - 1e-6 <= width.min() < 0.802
    assert 1.198 < width.max() <= 1.2 + 1e-6
    # A window smaller than the image lies inside it, an image smaller than the window inside that.
    assert (column(table, "x0").abs() - (1 - width).abs()).max() <= 1e-6
    assert (column(table, "y0").abs() - (1 - height).abs()).max() <= 1e-6


def test_rotation_stays_within_the_asked_degrees_either_way():
    table = draw_table(build_augment("none", rotate=30), 20_000, 0, 0)
    degrees = torch.rad2deg(torch.atan2(column(table, "yx"), column(table, "xx")))
    assert -30 - 1e-3 <= degrees.min() < -29.9
    assert 29.9 < degrees.max() <= 30 + 1e-3


def test_a_preset_switched_off_altogether_leaves_its_intensities():
    images = random_images(16, 1, 16, 16)
    straight = build_augment("light", flip=False, zoom=0.0, rotate=0.0)
    assert straight.crop_ratio == PRESETS["light"].crop_ratio
    flat = torch.full_like(images, 0.5)
    varied = apply(flat, draw_table(straight, 16, 0, 0), straight)
    assert torch.equal(varied.amin((1, 2, 3)), varied.amax((1, 2, 3)))  # no border shows
    assert (varied - flat).abs().max() > 0.05
