"""Predictions on the screen: CSV and JSON that programs read, and lines of one width for people."""

import csv
import io
import json
import os

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from PIL import Image
from rich.cells import cell_len
from rich.console import Console

from pneumoray.terminal.console import shortened
from pneumoray.terminal.main import main
from pneumoray.terminal.screens import predictions


@pytest.fixture
def here(tmp_path, monkeypatch, make_bundle):
    """A current folder with two good films, a broken one, and a model of two members."""
    make_bundle(tmp_path / "model", num_members=2)
    rng = np.random.default_rng(0)
    for name in ("films/a.png", "films/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (40, 32), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "films" / "b.png").write_bytes(b"no image")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def predict(*arguments):
    return CliRunner().invoke(main, ["predict", "--model", "model", *arguments])


def test_json_is_one_list_with_a_line_an_image_and_csv_says_the_same(here):
    as_json, as_csv = predict("films", "--json"), predict("films", "--csv")
    assert as_json.exit_code == as_csv.exit_code == 1
    last = as_json.stderr.splitlines()[-1]
    assert last == "error: 1 of 3 images can't be used; their rows say why"
    rows = json.loads(as_json.stdout)
    assert len(as_json.stdout.splitlines()) == 3
    assert [row["file"] for row in rows] == ["films/a.png", "films/b.png", "films/c.png"]
    good, broken, _ = rows
    assert good["prob_NORMAL"] + good["prob_PNEUMONIA"] == pytest.approx(1)
    assert (good["threshold"], good["threshold_class"]) == (0.4, "PNEUMONIA")
    assert good["disagreement"] > 0
    assert good["error"] is None
    assert broken.pop("file") == "films/b.png"
    assert broken.pop("error").startswith("can't be decoded (no known image format)")
    assert set(broken.values()) == {None}
    table = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    told = [{key: "" if v is None else str(v) for key, v in row.items()} for row in rows]
    assert [table[0], table[2]] == [told[0], told[2]]
    assert table[1]["error"].startswith("can't be decoded")
    assert table[1]["predicted"] == ""


def test_one_good_image_ends_well(here):
    done = predict("films/a.png", "--json")
    assert done.exit_code == 0
    assert len(json.loads(done.stdout)) == 1


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["films", "--csv", "--json"], 2, "--csv and --json exclude each other"),
        (["gone.png"], 1, "gone.png does not exist; name image files"),
        (["\x1bred.png"], 1, r"\x1bred.png does not exist; name image files"),
        (["*.nope"], 1, "no file matches *.nope"),
        (["https://example.org/x.jpeg"], 1, "https://example.org/x.jpeg is an address"),
        (["A" * 300], 1, "can't be read (File name too long)"),
        ([], 2, "Missing argument 'PATH...'"),
        (["films", "--device", "cuda"], 1, "choose --device cpu"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_printed(here, arguments, code, said):
    done = predict(*arguments)
    assert done.exit_code == code
    assert said in done.stderr.splitlines()[-1]
    assert done.stdout == ""


def table_of(names, classes=("NORMAL", "PNEUMONIA"), error=None):
    probs = {f"prob_{name}": 1 / len(classes) for name in classes}
    row = probs | {"predicted": classes[-1], "threshold": 0.25, "threshold_class": classes[-1]}
    rows = [{"file": name} | row | {"disagreement": 0.125, "error": error} for name in names]
    return pd.DataFrame(rows)


@pytest.fixture
def lines(monkeypatch):
    """Shows tables on a terminal of 80 columns, or a file, and gives the lines."""

    def show(*tables, is_terminal=True):
        file = io.StringIO()
        out = Console(file=file, width=80, force_terminal=is_terminal, color_system=None)
        monkeypatch.setattr(predictions, "out", out)
        monkeypatch.setattr(predictions, "say", lambda text: file.write(text + "\n"))
        predictions.show_predictions(iter(tables))
        return file.getvalue().splitlines()

    return show


LONG = "a-folder-of-a-long-name/another-folder/the-film-of-somebody-0001.jpeg"


def test_lines_have_80_columns_and_names_lose_their_middle(lines):
    shown = lines(table_of([LONG, "가슴사진" * 12 + ".png", "b.png"]))
    assert shown[0] == "PNEUMONIA is predicted where its probability is 0.2500 or more"
    assert shown[1].split() == ["file", "predicted", "NORMAL", "PNEUMONIA", "disagreement"]
    assert max(map(cell_len, shown)) <= 80
    assert shown[2].startswith("a-folder-of-a-")
    assert "body-0001.jpeg  PNEUMONIA  0.5000" in shown[2]
    assert len({cell_len(line) for line in shown[1:]}) == 1


def test_what_decides_is_told_though_the_first_files_are_broken(lines):
    broken = table_of(["a.png", "b.png"], error="it is torn")
    unknown = ["predicted", "prob_NORMAL", "prob_PNEUMONIA", "threshold", "disagreement"]
    shown = lines(broken.assign(**dict.fromkeys(unknown)), table_of(["c.png"]))
    assert shown[:4] == ["a.png", "    error: it is torn", "b.png", "    error: it is torn"]
    assert shown[4] == "PNEUMONIA is predicted where its probability is 0.2500 or more"
    assert shown[5].split() == ["file", "predicted", "NORMAL", "PNEUMONIA", "disagreement"]
    assert shown[6].split() == ["c.png", "PNEUMONIA", "0.5000", "0.5000", "0.1250"]


def test_names_are_whole_where_no_terminal_limits_them(lines):
    assert lines(table_of([LONG]), is_terminal=False)[2].startswith(LONG)


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_name_can_not_steer_the_terminal_or_break_its_row(lines, is_terminal):
    table = pd.concat([table_of(["\x1b[31mred\n.png"]), table_of(["b\x9b.png"], error="\x1b]0;")])
    shown = lines(table, is_terminal=is_terminal)
    assert shown[2].split()[:2] == [r"\x1b[31mred\n.png", "PNEUMONIA"]
    assert shown[3:] == [r"b\x9b.png", r"    error: \x1b]0;"]
    assert shown[1].index("predicted") == shown[2].index("PNEUMONIA")


def test_json_and_csv_hold_a_name_as_it_is_and_one_that_is_no_utf_8_stops_neither(here):
    name = os.fsdecode(b"films/\xff\x1b.png")
    os.link("films/a.png", name)
    as_json = predict(name, "--json")
    assert as_json.exit_code == 0, as_json.stderr
    assert json.loads(as_json.stdout)[0]["file"] == name
    assert predict(name, "--csv").exit_code == 0
    assert predict(name).exit_code == 0


def test_a_pattern_without_matches_is_a_row_among_others(here):
    done = predict("films/a.png", "*.nope", "--json")
    assert done.stderr.splitlines()[-1] == "error: 1 of 2 images can't be used; their rows say why"
    row = json.loads(done.stdout)[1]
    assert (row["file"], row["predicted"]) == ("*.nope", None)
    assert row["error"] == "no file matches *.nope; check the pattern and the current folder"


def test_of_many_classes_the_predicted_ones_probability_is_shown(lines):
    shown = lines(table_of(["a.png"], classes=tuple("ABCDE")))
    assert shown[1].split() == ["file", "predicted", "prob", "disagreement"]
    assert shown[2].split() == ["a.png", "E", "0.2000", "0.1250"]


def test_a_broken_file_says_why_in_words_that_are_not_broken(lines):
    why = "can't be decoded (no known image format, starts like HTML or XML); restore or delete it"
    shown = lines(table_of(["a.png"]), table_of(["b.png"], error=why))
    assert shown[3] == "b.png"
    assert " ".join(line.strip() for line in shown[4:]) == f"error: {why}"
    assert max(map(len, shown)) <= 80


@pytest.mark.parametrize(
    ("text", "width", "short"),
    [
        ("abc", 3, "abc"),
        ("abcdefghij", 9, "abc...hij"),
        ("abcdefghij", 8, "ab...hij"),
        ("가나다라마", 9, "가나...마"),
    ],
)
def test_the_middle_makes_way(text, width, short):
    assert shortened(text, width) == short
    assert cell_len(short) <= width
