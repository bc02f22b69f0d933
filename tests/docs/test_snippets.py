"""Every command and snippet of the READMEs and docs/ runs, word for word.

A page is one bash script: its blocks run in their order, in a folder that looks like a clone after
`make install`, with some drawn images in it. README.md runs first; every other page begins with a
copy of the folder as README.md left it. A comment before a block says what else to do with it:

    <!-- file: NAME -->              the block is the text of that file
    <!-- runs until stopped -->      a server: it runs beside the blocks that follow
    <!-- not run: REASON -->         a test of its own lists it, with the reason
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
# named: a folder of images in the clone may have one, too
WITH_README = ("benchmarks", "cluster", "jobs")
PAGES = [
    README,
    *(ROOT / name / "README.md" for name in WITH_README),
    *sorted((ROOT / "docs").rglob("*.md")),
]
_LONGEST_SECONDS = 1500  # of a page, on a busy machine
_MARK = re.compile(r"<!-- (file|runs until stopped|not run)(?:: (.+))? -->")

_START = r"""
set -eEuo pipefail -m
servers=()
at=
stop() {
  for server in ${servers[@]+"${servers[@]}"}; do
    kill -- "-$server" && wait "$server" || true
  done
}
trap 'echo "this block failed: $at"' ERR
trap stop EXIT
answers() {  # wait until the log of process $2 names a link at which something listens
  for _ in $(seq 300); do
    link=$(grep -om1 'http://[^ /]*' "$1" || true)
    at_port=${link#http://}
    [ -z "$link" ] || ! (exec 3<>"/dev/tcp/${at_port%:*}/${at_port##*:}") 2>/dev/null || return 0
    kill -0 "$2" 2>/dev/null || break
    sleep 0.4
  done
  cat "$1"
  return 1
}
"""


pytestmark = pytest.mark.timeout(2 * _LONGEST_SECONDS)


@dataclass(frozen=True)
class Block:
    """A fenced or indented block, and what the comment before it says of it."""

    page: Path
    line: int
    language: str
    text: str
    mark: str
    words: str

    @property
    def at(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def runs(self) -> bool:
        return self.language in ("bash", "python") and self.mark != "not run"


def blocks_of(page: Path) -> Iterator[Block]:
    mark = words = ""
    for token in MarkdownIt().parse(page.read_text()):
        if token.type == "html_block" and (found := _MARK.match(token.content)):
            mark, words = found[1], found[2] or ""
        elif token.type in ("fence", "code_block"):
            line = (token.map or [0])[0] + 1
            yield Block(page, line, token.info.strip(), token.content, mark, words)
            mark = words = ""


BLOCKS = {page: list(blocks_of(page)) for page in PAGES}
RUNNING = [page for page, blocks in BLOCKS.items() if any(block.runs for block in blocks)]
NOT_RUN = [block for blocks in BLOCKS.values() for block in blocks if block.mark == "not run"]


def script_of(page: Path) -> str:
    """The page as one bash script; what it exports in one block is there in the next."""
    lines = [_START]
    for block in BLOCKS[page]:
        here = f"<<'END OF BLOCK'\n{block.text}END OF BLOCK"
        name = shlex.quote(block.words)
        log = f"served-{block.line}.log"
        if block.runs or block.mark == "file":
            lines.append(f'at={block.at}; echo "--- $at"')
        match block.mark, block.language:
            case "file", _:
                lines.append(f'mkdir -p "$(dirname {name})"; cat >{name} {here}')
            case "runs until stopped", _:
                lines.append(f"{{\n{block.text}}} >{log} 2>&1 & servers+=($!); answers {log} $!")
            case "", "python":
                lines.append(f"python - {here}")
            case "", "bash":
                lines.append(block.text)
    return "\n".join(lines)


def test_every_block_runs_or_says_why_not():
    """What a page shows is bash or Python that runs, a file that is used, or text."""
    strange = [
        block.at
        for block in (block for blocks in BLOCKS.values() for block in blocks)
        if not (block.runs or block.mark in ("file", "not run") or block.language == "text")
    ]
    assert strange == []


@pytest.fixture(scope="module")
def run_page(sandbox, tmp_path_factory) -> Callable[[Path, Path], None]:
    """Runs the blocks of a page in a folder."""

    def run(page: Path, folder: Path) -> None:
        said = tmp_path_factory.mktemp("said") / "output.txt"  # no pipe, which a server would hold
        with said.open("w") as output:
            done = subprocess.run(
                [*sandbox.prefix, "bash", "-c", script_of(page)],
                cwd=folder,
                env=sandbox.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=_LONGEST_SECONDS,
            )
        assert done.returncode == 0, said.read_text()[-6000:]

    return run


@pytest.fixture(scope="module")
def after_readme(sandbox, run_page) -> Path:
    """The folder after README.md has run."""
    run_page(README, sandbox.folder)
    return sandbox.folder


def test_the_readme_runs(after_readme):
    assert (after_readme / "pneumoray-workspace").is_dir()


@pytest.mark.slow
@pytest.mark.parametrize(
    "page", [page for page in RUNNING if page != README], ids=lambda page: page.stem
)
def test_a_page_runs(page, after_readme, run_page, tmp_path):
    folder = tmp_path / "pneumoray"
    try:
        shutil.copytree(after_readme, folder, symlinks=True, copy_function=_copy)
        run_page(page, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _copy(source: str, target: str) -> None:
    """Weights, which are never written into, are linked: a workspace has 2 GB of them."""
    if Path(source).suffix in (".safetensors", ".pt"):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


@pytest.mark.parametrize("block", NOT_RUN, ids=lambda block: block.at)
def test_what_does_not_run_says_why(block):
    assert block.words, f"{block.at}: write <!-- not run: REASON -->"
    pytest.skip(f"{block.at} {block.words}")
