"""A table within 80 columns: numbers whole, words whole, keys repeated."""

import pytest

from pneumoray.terminal.console import width
from pneumoray.terminal.table import Table


@pytest.fixture(autouse=True)
def _eighty(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def printed(table, capsys):
    table.show()
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(("columns", "expected"), [("", 80), ("120", 120), ("wide", 80)])
def test_without_a_terminal_the_width_is_that_of_columns_or_80(monkeypatch, columns, expected):
    monkeypatch.setenv("COLUMNS", columns)
    assert width() == expected


def test_what_fits_stands_in_one_line_a_row(capsys):
    table = Table("Title", "name", "val AUROC", words=("name",))
    table.add_row("a", "0.9876")
    assert printed(table, capsys) == ["Title", "name  val AUROC", "a        0.9876"]


def test_headings_break_before_columns_do(capsys):
    heads = [f"of column {letter}" for letter in "abcdefg"]
    table = Table("", "name", *heads, words=("name",))
    table.add_row("first", *["0.1234"] * 7)
    lines = printed(table, capsys)
    assert lines[-4:-1] == [
        "           of      of      of      of      of      of      of",
        "       column  column  column  column  column  column  column",
        "name        a       b       c       d       e       f       g",
    ]
    assert lines[-1].split() == ["first", *["0.1234"] * 7]


def test_too_many_columns_stand_in_blocks_that_begin_with_the_keys(capsys):
    heads = [f"c{i}" for i in range(9)]
    table = Table("", "one", "two", *heads, words=("one", "two"), keys=2)
    for name in ("x", "y"):
        table.add_row(name, "z", *[f"{i}.{'0' * 15}" for i in range(9)])
    lines = printed(table, capsys)
    assert max(map(len, lines)) <= 80
    rows = [line.split() for line in lines if line.startswith("x")]
    assert [row[:2] for row in rows] == [["x", "z"]] * 3
    assert [cell[0] for row in rows for cell in row[2:]] == [str(i) for i in range(9)]


def test_the_column_that_wraps_does_so_between_words(capsys):
    table = Table("", "name", "score", words=("name",), wraps="name")
    table.add_row(", ".join(["word" * 4] * 8), "0.1234 ± 0.5678")
    lines = printed(table, capsys)
    assert max(map(len, lines)) <= 80
    assert "0.1234 ± 0.5678" in lines[1]
    words = " ".join(lines[1:]).replace("0.1234 ± 0.5678", "").replace(",", "").split()
    assert words == ["word" * 4] * 8


def test_a_key_that_is_wider_than_the_screen_leaves_the_numbers_whole(capsys):
    table = Table("", "name", "score", "loss", words=("name",))
    table.add_row("C64-" * 30, "0.1234 ± 0.5678", "1.234567")
    lines = printed(table, capsys)
    assert max(map(len, lines)) <= 80
    assert sum("0.1234 ± 0.5678" in line for line in lines) == 1
    assert sum("1.234567" in line for line in lines) == 1


def test_wide_characters_take_two_columns(capsys):
    table = Table("", "class", "n", words=("class",))
    table.add_row("폐렴", "1")
    table.add_row("abcd", "2")
    assert printed(table, capsys)[1:] == ["폐렴   1", "abcd   2"]


def test_square_brackets_are_no_markup(capsys):
    table = Table("", "hidden", "n", words=("hidden",))
    table.add_row("[red][64, 128]", "1")
    assert "[red][64, 128]" in printed(table, capsys)[1]
