"""Makes the two pictures of README.md from the study demo: drawn images only.

python docs/pictures.py WORKSPACE     trains the demo there, unless it is trained already (six minutes
                                      on two cores); needs chromium, or CHROMIUM=/path/to/it
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console
from rich.text import Text

FOLDER = Path(__file__).parent / "pictures"
SHOWN = (
    "pneumoray train-all --study demo",
    "pneumoray ensemble --top 3",
    "pneumoray predict film.jpeg",
)
COMPARED = "pneumoray compare --by optimizer,lr --output page.html"
COLUMNS = 80
PAGE_PX = (1000, 1115)  # down to the end of the first picture
PAGE_COLORS = 128  # enough for text and a scale of colours, and a third of the bytes


def main(workspace: Path) -> None:
    FOLDER.mkdir(exist_ok=True)
    workspace.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        (folder / "pneumoray-workspace").symlink_to(workspace.absolute())
        environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "FORCE_COLOR": "1",
            "COLUMNS": str(COLUMNS),
        }
        console = Console(record=True, width=COLUMNS, file=(folder / "screen").open("w"))
        for command in SHOWN:
            if "film.jpeg" in command:
                ill = workspace / "demo-data" / "test" / "PNEUMONIA"
                shutil.copy(min(ill.iterdir()), folder / "film.jpeg")
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            console.print(Text.from_ansi(_output(command, folder, environment)))
        (FOLDER / "terminal.svg").write_text(_without_fonts(console.export_svg(title="pneumoray")))
        _output(COMPARED, folder, environment)
        _photograph(folder / "page.html", FOLDER / "compare.png")


def _output(command: str, folder: Path, environment: dict[str, str]) -> str:
    """What it prints; its progress goes to this terminal."""
    run = subprocess.run(
        command.split(), cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    return run.stdout


def _without_fonts(svg: str) -> str:
    """rich names fonts of another server; a monospace one of the reader's does as well."""
    svg = re.sub(r"@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", "monospace")


def _photograph(page: Path, picture: Path) -> None:
    browser = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
    with tempfile.TemporaryDirectory() as profile:
        subprocess.run(
            [
                *(browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run"),
                *("--disable-background-networking", "--disable-sync", "--hide-scrollbars"),
                *("--disable-component-update", f"--user-data-dir={profile}"),
                f"--window-size={PAGE_PX[0]},{PAGE_PX[1]}",
                f"--screenshot={picture}",
                page.absolute().as_uri(),
            ],
            check=True,
            capture_output=True,
        )
    with Image.open(picture) as image:
        few = image.convert("RGB").quantize(PAGE_COLORS)
    few.save(picture, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
