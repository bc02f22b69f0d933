"""What README.md and docs/ say without running it: commands, options, messages, links, sizes."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from pneumoray.terminal.main import main

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
DOCS = sorted((ROOT / "docs").rglob("*.md"))
# named: a folder of images in the clone may have one, too
WITH_README = ("benchmarks", "cluster", "jobs")
PAGES = [README, *(ROOT / name / "README.md" for name in WITH_README), *DOCS]


def inline(page: Path, kind: str) -> Iterator[Token]:
    for token in MarkdownIt().parse(page.read_text()):
        yield from (child for child in token.children or [] if child.type == kind)


def test_the_readme_is_short_and_its_pictures_are_small():
    assert len(README.read_text().splitlines()) < 150
    pictures = [README.parent / str(token.attrs["src"]) for token in inline(README, "image")]
    assert len(pictures) == 2
    assert sum(picture.stat().st_size for picture in pictures) < 300_000


@pytest.mark.parametrize(
    "line",
    [
        "cluster/start-head.sh --data ",
        "ray job submit -- pneumoray train-all",
        "pneumoray ensemble --top 3",
    ],
)
def test_the_readme_has_the_three_lines(line):
    assert f"\n{line}" in README.read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere_on_github(page):
    targets = [str(token.attrs["href"]) for token in inline(page, "link_open")]
    local = [target.partition("#")[0] for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


def options_of(command: click.Command) -> set[str]:
    inner = command.commands.values() if isinstance(command, click.Group) else ()
    own = {name for param in command.params for name in param.opts + param.secondary_opts}
    return own.union({"--help"}, *map(options_of, inner))


@pytest.mark.parametrize("page", [README, *DOCS], ids=lambda page: page.stem)
def test_commands_and_options_in_the_text_exist(page):
    """`pneumoray COMMAND --option`, `COMMAND --option` and `--option` in a sentence."""
    unknown = []
    for token in inline(page, "code_inline"):
        words = token.content.removeprefix("pneumoray ").split()
        asked = {word.partition("=")[0] for word in words if re.match(r"--[a-z]", word)}
        command = main.commands.get(words[0]) if words else None
        if token.content.startswith("pneumoray ") and command is None and words[0] != "COMMAND":
            unknown.append(token.content)
        elif words and (command or words[0].startswith("--")):
            unknown += sorted(asked - options_of(command or main))
    assert unknown == []


def test_the_messages_that_are_explained_are_those_of_the_code():
    text = (ROOT / "docs" / "troubleshooting.md").read_text()
    code = "\n".join(
        source.read_text()
        for source in [*(ROOT / "pneumoray").rglob("*.py"), *(ROOT / "cluster").glob("*.sh")]
    )
    headings = re.findall(r"^### (.+)$", text, re.MULTILINE)
    assert len(headings) > 10
    assert [heading for heading in headings if heading not in code] == []


def test_the_picture_of_the_house_has_every_room():
    text = (ROOT / "docs" / "how-it-is-built.md").read_text()
    package = ROOT / "pneumoray"
    rooms = [path.name for path in package.iterdir() if not path.name.startswith("_")]
    assert [room for room in rooms if room not in text] == []
