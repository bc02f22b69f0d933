"""Streams that know few characters print all of them, in ASCII where they must."""

import io
import sys

import pytest
from click.testing import CliRunner

from pneumoray.terminal.encoding import as_printed, make_streams_print_all
from pneumoray.terminal.main import main
from pneumoray.terminal.table import Table

SAID = "0.9 ± 0.1 · 폐렴"


@pytest.fixture
def stream(monkeypatch):
    """Makes stdout a stream of an encoding, and gives its bytes."""

    def make(encoding):
        data = io.BytesIO()
        monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding, write_through=True))
        return data

    return make


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", r"0.9 +- 0.1 - \ud3d0\ub834"),
        ("latin-1", r"0.9 ± 0.1 · \ud3d0\ub834"),
        ("euc-kr", SAID),
        ("utf-8", SAID),
    ],
)
def test_what_a_stream_lacks_is_written_in_ascii(stream, encoding, expected):
    data = stream(encoding)
    make_streams_print_all()
    print(SAID, end="")
    assert data.getvalue().decode(encoding) == expected
    assert as_printed(SAID) == expected


def test_columns_stand_straight_in_ascii(stream):
    data = stream("ascii")
    make_streams_print_all()
    table = Table("", "class", "score", words=("class",))
    table.add_row("폐렴", "0.9 ± 0.1")
    table.add_row("NORMAL", "0.8")
    table.show()
    lines = [line.rstrip() for line in data.getvalue().decode("ascii").splitlines()]
    assert lines == [
        "class              score",
        r"\ud3d0\ub834  0.9 +- 0.1",
        "NORMAL               0.8",
    ]


def test_a_name_that_is_no_text_can_be_printed(stream):
    data = stream("utf-8")
    make_streams_print_all()
    print(b"\xec.png".decode(errors="surrogateescape"), end="")
    assert data.getvalue() == rb"\udcec.png"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "euc-kr"])
def test_errors_help_and_studies_are_told_whatever_the_encoding(encoding):
    runner = CliRunner(charset=encoding)
    for words, code in ((["studies", "show", "landmarks"], 0), (["studies"], 0), (["--help"], 0)):
        assert runner.invoke(main, words).exit_code == code
    refused = runner.invoke(main, ["leaderboard", "--workspace", "폐렴"])
    assert refused.exit_code == 1
    assert "nothing is trained" in refused.stderr
