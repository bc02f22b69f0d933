"""Pseudonyms: keyed hashes in place of what may name a patient. Key and meanings stay in a workspace.

WORKSPACE/pseudonyms.key   32 random bytes, made once; only the owner may read it
WORKSPACE/pseudonyms.csv   id,path: the file that an id stands for; only the owner may read it
"""

import csv
import hashlib
import hmac
import io
import os
import re
import secrets
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from pneumoray import artifact
from pneumoray.errors import WorkspaceError

KEY, TABLE = "pseudonyms.key", "pseudonyms.csv"
_OWNER_ONLY = 0o600
_KEY_BYTES = 32
_DIGITS = 16  # hexadecimal: among a million images, one chance in 37 million that two are alike
_SUFFIX = ".dcm"
_IMAGE = re.compile(rf"[0-9a-f]{{{_DIGITS}}}\{_SUFFIX}")


@dataclass(frozen=True)
class Pseudonyms:
    """Names by the key in `folder`, a workspace's. Without a folder the key is forgotten at the end."""

    folder: Path | None = None

    def of_image(self, name: str) -> str:
        """'3f9a2c1b07d4e8aa.dcm': the id of the image that lies at `name` below its data folder."""
        return self._of("image", name) + _SUFFIX

    def of_patient(self, patient: str) -> str:
        return self._of("patient", patient) if patient else ""

    def of_study(self, study: str) -> str:
        return self._of("study", study) if study else ""

    def note(self, paths: Mapping[str, str]) -> None:
        """Add ids with their paths to the table. Raises WorkspaceError where it can't be written."""
        if self.folder is None:
            return
        with artifact.lock(self.folder / f".{TABLE}.lock"):
            known = look_up(self.folder)
            if paths.items() <= known.items():
                return
            text = io.StringIO()
            rows = csv.writer(text, lineterminator="\n")
            rows.writerow(("id", "path"))
            rows.writerows(sorted((known | dict(paths)).items()))
            _replace(self.folder / TABLE, text.getvalue())

    def _of(self, kind: str, text: str) -> str:
        given = f"{kind}\0{text}".encode(errors="surrogateescape")
        return hmac.new(self._key, given, hashlib.sha256).hexdigest()[:_DIGITS]

    @cached_property
    def _key(self) -> bytes:
        if self.folder is None:
            return secrets.token_bytes(_KEY_BYTES)
        path = self.folder / KEY
        if not path.exists() and not (self.folder / TABLE).exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            draft = _draft(path, secrets.token_hex(_KEY_BYTES))
            try:
                os.link(draft, path)  # of two that begin at once the first wins
            except FileExistsError:
                pass
            except OSError:  # a file system without hard links
                os.replace(draft, path)
            draft.unlink(missing_ok=True)
        try:
            key = bytes.fromhex(path.read_text())
        except (OSError, ValueError):
            key = b""
        if len(key) != _KEY_BYTES:
            raise WorkspaceError(
                f"{path} holds no key that can be read: put back a copy of it; without one, remove it "
                f"and {TABLE}, and DICOM images get new ids"
            )
        return key


def look_up(folder: Path) -> dict[str, str]:
    """{id: path} of the table in a workspace; empty where there is none."""
    path = folder / TABLE
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8-sig", errors="surrogateescape") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames != ["id", "path"]:
            raise WorkspaceError(
                f"{path} is no table of ids and paths any more: put back a copy of it, or save it as CSV "
                "with commas and the columns id and path"
            )
        return {row["id"]: row["path"] for row in rows}


def is_pseudonym(image_id: str) -> bool:
    """Whether an image's id stands for a file that is not to be named."""
    return bool(_IMAGE.fullmatch(image_id))


def hidden(images: pd.DataFrame) -> pd.DataFrame:
    """`images` as they may be written: in place of a path that is not to be named, its pseudonym."""
    if not (secret := images["id"].map(is_pseudonym)).any():
        return images
    return images.assign(path=images["path"].where(~secret, images["id"]))


def _replace(path: Path, text: str) -> None:
    try:
        os.replace(_draft(path, text), path)
    except OSError as error:
        raise WorkspaceError(
            f"{path} can't be written ({error.strerror}); name another workspace with --workspace"
        ) from None


def _draft(path: Path, text: str) -> Path:
    """A file beside `path` that was never readable to others."""
    draft = path.parent / f".{path.name}.tmp-{uuid.uuid4().hex[:8]}"
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ONLY)
    with os.fdopen(handle, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
