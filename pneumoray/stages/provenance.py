"""Where results come from: versions, the code's commit, and the data of a study."""

import platform
import subprocess
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from pneumoray.journal import FORMAT
from pneumoray.stages.prepare import Prepared
from pneumoray.study import Study

_LIBRARIES = ("torch", "torchvision", "timm", "ray", "mlflow", "scikit-learn", "numpy", "pillow")


def of_study(study: Study, prepared: Prepared, leaking: bool) -> dict[str, Any]:
    """The fields of a journal's `study` record."""
    pack = prepared.first
    counts = pack.manifest.images["split"].value_counts()
    return {
        "format": FORMAT,
        "study": study.name,
        "config": study.model_dump(),
        "leaks_allowed": leaking,
        "pack": {
            "hash": pack.hash,
            "path": pack.path,
            "root": pack.manifest.root,
            "classes": list(pack.manifest.classes),
            "positive": pack.manifest.positive,
            **{f"num_{split}": int(counts.get(split, 0)) for split in ("train", "val", "test")},
        },
        "findings": [asdict(finding) for finding in prepared.findings],
        "tags": versions(),
    }


def versions() -> dict[str, str]:
    """Versions of Python and the libraries that decide results, and the git commit if there is one."""
    found = {"python": platform.python_version()}
    for name in ("pneumoray", *_LIBRARIES):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    commit = _git_commit()
    return {f"version.{name}": version for name, version in found.items()} | (
        {"git_commit": commit} if commit else {}
    )


def _git_commit() -> str | None:
    """The commit of pneumoray's own checkout, with '-dirty' where it was changed."""
    own = Path(__file__)
    if _git("ls-files", "--error-unmatch", own.name, cwd=own.parent) is None:
        return None  # installed somewhere in another project's checkout
    return _git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*", cwd=own.parent)


def _git(*words: str, cwd: Path) -> str | None:
    """What git says, or None where it says no or isn't there."""
    try:
        done = subprocess.run(
            ["git", *words], cwd=cwd, capture_output=True, text=True, timeout=5, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
