"""Which fonts show a picture's letters; a letter that none has is written as its number."""

import functools
from collections.abc import Iterable

from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

_OWN = "DejaVu Sans"  # comes with matplotlib
_NOTE = r"\u....: no font here has this letter"


def readable(text: str) -> str:
    r"""`text` with each letter that no installed font has as its number: \ud3d0 for the first of 폐렴.

    Names on ticks go through here first: matplotlib writes ticks anew whenever it draws.
    """
    missing = _fonts_of(_foreign([text]))[1]
    return "".join(
        letter.encode("unicode_escape").decode() if letter in missing else letter for letter in text
    )


def show_every_letter(figure: Figure) -> None:
    """Give the texts of a finished figure fonts that have their letters, else make them `readable`."""
    texts: list[Text] = figure.findobj(Text)
    families, _ = _fonts_of(_foreign(text.get_text() for text in texts))
    for text in texts:
        said = text.get_text()
        text.set_text(readable(said))
        if families:
            text.set_fontfamily([_OWN, *families])
        if "$" in said:  # of a name: there are no formulas here
            text.set_parse_math(False)
    if any(r"\u" in text.get_text().lower() for text in texts):
        _add_note(figure)


def _add_note(figure: Figure) -> None:
    """Upright at the right edge: a legend may stand at the bottom."""
    width = 0.14 / figure.get_figwidth()
    if isinstance(engine := figure.get_layout_engine(), ConstrainedLayoutEngine):
        engine.set(rect=(0, 0, 1 - width, 1))
    figure.text(1 - width / 2, 0.5, _NOTE, fontsize=6, rotation=90, ha="center", va="center")


def _foreign(texts: Iterable[str]) -> frozenset[str]:
    """Letters, but for line breaks, that matplotlib's own font has not."""
    return frozenset("".join(texts)) - {"\n"} - _letters_of_own()


@functools.cache
def _letters_of_own() -> frozenset[str]:
    return frozenset(map(chr, FT2Font(font_manager.findfont(_OWN)).get_charmap()))


@functools.lru_cache(maxsize=64)
def _fonts_of(letters: frozenset[str]) -> tuple[tuple[str, ...], frozenset[str]]:
    """Installed fonts that have these letters together, as few as it takes; and what none has."""
    if not letters:
        return (), letters
    has: dict[str, frozenset[str]] = {}
    for font in font_manager.fontManager.ttflist:
        if font.style == "normal" and not font.name.startswith("Last Resort"):  # it draws boxes
            has[font.name] = has.get(font.name, frozenset()) | _shown_by(font.fname, letters)
    families: list[str] = []
    missing = letters
    while shown := max(has.values(), key=lambda one: len(one & missing)) & missing:
        families.append(min(name for name in has if has[name] & missing == shown))
        missing -= shown
    return tuple(families), missing


def _shown_by(path: str, letters: frozenset[str]) -> frozenset[str]:
    try:
        font = FT2Font(path)
    except (OSError, RuntimeError):  # a file that FreeType can't read
        return frozenset()
    known = font.get_charmap() if font.scalable else {}  # pictures of one size can't be drawn
    return frozenset(letter for letter in letters if ord(letter) in known)
