"""What files do not say of their values is decided for all images of a depth class, and told."""

import pandas as pd
import pytest

from pneumoray.data.ranges import decide


def images(*rows: tuple[str, float, float]) -> pd.DataFrame:
    """One image for each (depth, low, high)."""
    table = pd.DataFrame(rows, columns=["depth", "low", "high"])
    return table.assign(id=[f"{i}.png" for i in range(len(rows))])


def kinds(found):
    return [(finding.kind, finding.severity) for finding in found]


@pytest.mark.parametrize(
    ("depth", "low", "high", "expected"),
    [
        ("16", 0, 100, (0, 255)),
        ("16", 5, 255, (0, 255)),
        ("16", 0, 256, (0, 511)),
        ("16", 410, 3686, (0, 4095)),
        ("16", 0, 4096, (0, 8191)),
        ("16", 0, 65535, (0, 65535)),
        ("signed 16", -1000, 1000, (-1024, 1023)),
        ("signed 16", -1024, 1023, (-1024, 1023)),
        ("signed 16", -1, 1024, (-2048, 2047)),
        ("signed 16", -1, 1, (-128, 127)),
        ("signed 16", 0, 4095, (0, 4095)),
        ("signed 32", -70000, 5, (-131072, 131071)),
        ("32", 0, 2**32 - 1, (0, 2**32 - 1)),
        ("12 of 16", 0, 4095, (0, 4095)),
        ("12 of 16", 0, 300, (0, 4095)),
        ("12 of 16", 0, 4096, (0, 65535)),
        ("16 colour", 0, 40000, (0, 65535)),
    ],
)
def test_the_least_power_of_two_holds_all_values(depth, low, high, expected):
    ranges, found = decide(images((depth, low, high)), None)
    assert ranges == ((depth, *expected),)
    assert kinds(found) == [("pixel-range", "handled")]


def test_one_range_a_class_for_all_of_its_images_and_none_for_what_says_it():
    ranges, found = decide(
        images(("16", 0, 900), ("8", 0, 255), ("16", 3, 3999), ("12", 0, 9), ("signed 16", -5, 5)),
        None,
    )
    assert ranges == (("16", 0, 4095), ("signed 16", -128, 127))
    note = found[0]
    assert "2 16-bit images with values from 0 to 3999: nothing says" in note.message
    assert "0 to 4095 is used for all such images" in note.message


def test_what_is_said_is_used_and_checked():
    ranges, found = decide(images(("float", 0.1, 0.9), ("16", 0, 1)), (0, 1))
    assert ranges == (("16", 0, 1), ("float", 0, 1))
    ranges, found = decide(images(("float", 0.1, 0.9), ("float", -0.5, 1)), (0, 1))
    assert ranges == ()
    assert kinds(found) == [("unknown-range", "fix")]
    assert "1 floating-point image with values outside" in found[0].message
    assert "1.png (-0.5 to 1)" in found[0].message
    ranges, _ = decide(images(("12 of 16", 0, 4095)), (0, 1))  # says its own
    assert ranges == (("12 of 16", 0, 4095),)


@pytest.mark.parametrize(
    ("depth", "low", "high", "said"),
    [
        ("float", 0.1, 0.9, "pixel_range: [0, 1]"),
        ("16 colour", 0, 4095, "8 bits a channel"),
    ],
)
def test_what_can_not_be_known_must_be_fixed(depth, low, high, said):
    ranges, (finding,) = decide(images((depth, low, high)), None)
    assert ranges == ()
    assert (finding.kind, finding.severity) == ("unknown-range", "fix")
    assert said in finding.message


def test_images_of_fewer_bits_among_others_are_told():
    few = images(*[("16", 0, 65000)] * 30, ("16", 0, 4095), ("16", 9, 9))
    assert kinds(decide(few, None)[1]) == [("pixel-range", "handled"), ("mixed-depth", "note")]
    many = images(*[("16", 0, 65000)] * 9, ("16", 0, 4095))
    finding = decide(many, None)[1][1]
    assert (finding.kind, finding.severity) == ("mixed-depth", "fix")
    assert "1 of 10 16-bit images have no value above 4095" in finding.message
    assert kinds(decide(images(("16", 0, 65000), ("16", 0, 9000)), None)[1]) == [
        ("pixel-range", "handled")
    ]
