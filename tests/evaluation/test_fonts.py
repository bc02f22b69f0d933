"""Names in letters that matplotlib's own font has not: shown, or replaced in sight; never a warning."""

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from matplotlib import font_manager
from matplotlib.figure import Figure

from pneumoray.evaluation.fonts import readable, show_every_letter

UNKNOWN = "\U0010abc0\U0010abc1"  # private letters, which no font has


@pytest.fixture
def has_font(tmp_path, monkeypatch):
    """Installs, for the test alone, a font of its own with the letters given."""

    def install(letters, name="Own Test Font"):
        names = {letter: f"u{ord(letter):05x}" for letter in letters}
        builder = FontBuilder(1000, isTTF=True)
        builder.setupGlyphOrder([".notdef", *names.values()])
        builder.setupCharacterMap({ord(letter): glyph for letter, glyph in names.items()})
        pen = TTGlyphPen(None)
        for i, point in enumerate([(0, 0), (500, 0), (500, 700), (0, 700)]):
            (pen.lineTo if i else pen.moveTo)(point)
        pen.closePath()
        box = pen.glyph()
        builder.setupGlyf(dict.fromkeys([".notdef", *names.values()], box))
        builder.setupHorizontalMetrics(dict.fromkeys([".notdef", *names.values()], (600, 0)))
        builder.setupHorizontalHeader(ascent=800, descent=-200)
        builder.setupNameTable({"familyName": name, "styleName": "Regular"})
        builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200)
        builder.setupPost()
        path = tmp_path / "own.ttf"
        builder.save(path)
        fonts = font_manager.fontManager.ttflist
        entry = font_manager.ttfFontProperty(font_manager.get_font(path))
        monkeypatch.setattr(font_manager.fontManager, "ttflist", [*fonts, entry])
        return name

    return install


def drawn(*words):
    figure = Figure(layout="constrained")
    axes = figure.subplots()
    axes.set_title(words[0])
    axes.plot([0, 1], label=words[-1])
    axes.legend()
    show_every_letter(figure)
    figure.canvas.draw()  # a missing letter would warn, which is an error here
    return figure, axes


def test_a_letter_that_an_installed_font_has_is_shown_by_it(has_font):
    letter = "\U0010abc2"
    name = has_font(letter)
    figure, axes = drawn(f"a {letter}")
    assert axes.title.get_text() == f"a {letter}"
    assert axes.title.get_fontfamily() == ["DejaVu Sans", name]
    assert figure.texts == []


def test_a_letter_that_no_font_has_is_written_as_its_number_and_a_note_says_so():
    figure, axes = drawn("plain", f"b{UNKNOWN}")
    assert axes.get_legend().get_texts()[0].get_text() == r"b\U0010abc0\U0010abc1"
    assert axes.title.get_text() == "plain"
    (note,) = figure.texts
    assert "no font here has" in note.get_text()


def test_names_stay_apart_where_no_font_shows_them():
    assert readable("\U0010abc0 x") != readable("\U0010abc1 x")
    assert readable("NORMAL, é, β") == "NORMAL, é, β"
    assert readable("a\tb") == r"a\tb"


def test_signs_of_formulas_in_names_are_shown_as_they_are():
    _, axes = drawn("a$^x")
    assert not axes.title.get_parse_math()
