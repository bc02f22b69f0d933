import base64
import re
from html.parser import HTMLParser

import pandas as pd
import pytest

from pneumoray.evaluation.page import Picture, render

# 2 x 1 px, made by hand from the PNG specification's parts
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAYAAAD0In+KAAAAEUlEQVR4nGP8z8Dwn4GBgQEADQUCAYnB8S8AAAAASUVORK5CYII="
)
VOID = {"meta", "img", "link", "br", "hr", "input"}
TABLE = pd.DataFrame({"lr": [1e-3, 1e-5], "val_auroc": [0.91, 0.95], "val_auroc_sd": [0.01, None]})


class Checked(HTMLParser):
    """Every tag with its attributes and text; a tag that is not closed in order is an error."""

    def __init__(self):
        super().__init__()
        self.open, self.found, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] not in ("style", "title"):
            self.text.append(data.strip())


def page(**fields):
    given = {
        "title": "Study demo by lr",
        "study": "demo",
        "axis": "lr",
        "table": TABLE,
        "facts": {"date": "2026-11-22", "pack": "64 px: abc"},
    }
    html = render(**given | fields)
    parser = Checked()
    parser.feed(html)
    assert parser.open == []
    return html, parser


PICTURE = Picture("curves", PNG, "Falling.", 'Loss by "lr"')


def test_the_page_holds_everything_in_itself():
    html, parser = page(pictures=[PICTURE])
    assert html.startswith("<!doctype html>")
    tags = [tag for tag, _ in parser.found]
    assert not {"script", "link", "iframe", "object"} & set(tags)
    images = [attrs for tag, attrs in parser.found if tag == "img"]
    (image,) = images
    head, _, data = image["src"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(data) == PNG
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//|url\(|@import", html)


def test_a_picture_has_words_under_it_and_in_its_place():
    _, parser = page(pictures=[PICTURE])
    (image,) = [attrs for tag, attrs in parser.found if tag == "img"]
    assert image["alt"] == 'Loss by "lr"'
    assert image["width"] == "1"  # 2 px of 120 a inch are 1.6 of 96
    assert "Falling." in parser.text


def test_the_table_has_the_best_mean_in_bold():
    _, parser = page()
    cells = parser.text[parser.text.index("val AUROC") :]
    assert [cell for cell in cells if cell][:5] == [
        "val AUROC",
        "0.001",
        "0.9100 ± 0.0100",
        "1e-05",
        "0.9500",
    ]
    rows = [attrs for tag, attrs in parser.found if tag == "tr"]
    assert [attrs.get("class") for attrs in rows] == [None, None, "best"]


def test_notes_suspicions_findings_and_facts_are_all_there():
    _, parser = page(
        description="what it is for",
        notes=["not all else equal: optimizer differs"],
        suspicions=["resnet18: a gap of 20 points"],
        noticed=["32 images are copies"],
    )
    text = " ".join(parser.text)
    for words in (
        "Study demo: what it is for",
        "not all else equal: optimizer differs",
        "resnet18: a gap of 20 points",
        "32 images are copies",
        "2026-11-22",
        "64 px: abc",
    ):
        assert words in text


def test_without_suspicions_there_is_no_box():
    html = page(noticed=["32 images are copies"])[0]
    assert "Look at this first" not in html
    assert "32 images are copies" not in html


@pytest.mark.parametrize("nasty", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "a & b"])
def test_everything_given_is_escaped(nasty):
    picture = Picture("p", PNG, nasty, nasty)
    _, parser = page(
        title=nasty,
        study=nasty,
        description=nasty,
        axis=nasty,
        table=TABLE.assign(**{nasty: [nasty, "b"]}),
        notes=[nasty],
        suspicions=[nasty],
        noticed=[nasty],
        pictures=[picture],
        facts={nasty: nasty},
    )
    tags = [tag for tag, _ in parser.found]
    assert "script" not in tags
    assert tags.count("img") == 1
    assert nasty in parser.text


def test_the_same_input_gives_the_same_page():
    assert page(pictures=[PICTURE])[0] == page(pictures=[PICTURE])[0]
