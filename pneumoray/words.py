"""A user's words that become names: of folders and files, of registered models, of tags. THE gate for them.

Each function says why a word can't be taken, or '' where it can; who asks knows whose word it is. A
word that passes is taken as it is, everywhere: nothing is replaced, so that two never become one.
"""

import re
import unicodedata
from collections.abc import Iterable

VOTE = "ensemble"  # the family of the vote, as its registered model is called
LONGEST_NAME = 100  # bytes: of a file's 255, with what drafts and locks add
LONGEST_MODEL = 250  # characters: a database of MLflow holds 256
LONGEST_KEY = 250  # of a tag; MLflow's own
LONGEST_TEXT = 5000  # of a tag's value; MLflow cuts one of 8000
LONGEST_PATH = 4096  # characters; Linux has no longer ones
_SIGNS = "._-+ "  # beside letters and digits; others end a path, a URI, a filter or a shell's word
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_KEY = re.compile(r"[/\w.\- :]*")  # of MLflow, which lets no sign but these into a key


def why_no_name(word: str) -> str:
    """Why `word` can't name a folder, a file and a part of a registered model's name.

    Letters and digits of any script, and . _ - + and single spaces inside. No word is a folder on
    one system and none, or another, on the next.
    """
    if not word:
        return "it is empty"
    if (size := len(word.encode(errors="replace"))) > LONGEST_NAME:
        return f"it takes {size} bytes, {LONGEST_NAME} are allowed: a letter of English is one byte"
    return _why_no_name_of_any_length(word)


def why_no_model(word: str) -> str:
    """Why `word` can't be the whole name of a registered model, which stands in a URI and a filter."""
    if len(word) > LONGEST_MODEL:
        return f"it may have {len(word)} characters, {LONGEST_MODEL} are allowed"
    return _why_no_name_of_any_length(word)


def why_no_line(word: str, longest: int = LONGEST_NAME) -> str:
    """Why `word` can't stand in a line of a table or a report: control characters, or its length."""
    if len(word) > longest:
        return f"it has {len(word)} characters, {longest} are allowed"
    for letter in word:
        if unicodedata.category(letter) in ("Cc", "Cs"):
            return f"it has the character {letter!r}, which no table can hold"
    return ""


def why_no_text(word: str) -> str:
    """Why `word` can't be a tag's value: as a line, but longer, and with line breaks."""
    return why_no_line(re.sub(r"[\n\t]", " ", word), LONGEST_TEXT)


def why_no_key(word: str) -> str:
    """Why MLflow would refuse `word` as the key of a tag."""
    if len(word) > LONGEST_KEY:
        return f"it has {len(word)} characters, {LONGEST_KEY} are allowed"
    if not _KEY.fullmatch(word):
        letter = next(letter for letter in word if not _KEY.fullmatch(letter))
        return f"it has {letter!r}, and only letters, digits and / . _ - : and spaces are allowed"
    parts = word.split("/")
    if any(part in ("", ".", "..") for part in parts):
        return "its parts between / are empty or dots"
    return ""


def twins(words: Iterable[str]) -> tuple[str, str] | None:
    """Two of `words` that a system takes for one name, as macOS and Windows do Lung and lung."""
    seen: dict[str, str] = {}
    for word in words:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).casefold())
        if seen.setdefault(folded, word) != word:
            return seen[folded], word
    return None


def _why_no_name_of_any_length(word: str) -> str:
    for letter in word:
        if unicodedata.category(letter)[0] not in "LMN" and letter not in _SIGNS:
            signs = "letters, digits and . _ - + and spaces"
            return f"it has {letter!r}, and only {signs} are allowed"
    if not (word[:1].isalnum() or word[:1] == "_"):
        return "it has to begin with a letter or a digit"
    if word[-1] in ". " or "  " in word:
        return "it has a dot or a space at its end, or two spaces"
    if _DEVICES.fullmatch(word):
        return "Windows keeps that name for a device"
    if unicodedata.normalize("NFC", word) != word:
        return "its letters are put together from parts, as macOS does in file names: type it anew"
    return ""
