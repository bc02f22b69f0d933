"""DICOM films with planted names everywhere that a hospital has them, and a search for those names."""

import gzip
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from dicom_films import Film, dataset, encoded
from PIL import Image

PLANTED = "zzplanted"  # a part of every name; searched for in any case
UIDS = "1.2.826.0.99999.55555"  # the beginning of every UID
ACCESSION = "ACC77123"  # ... of every accession number


def plant(root: Path, num_patients: int = 12) -> Path:
    """CLASS/NAME_OF_PATIENT/NAME.dcm, two films a patient; PNEUMONIA has a bright patch.

    One film breaks off, one has a name in its pixels, one file is a report; a note lies beside them.
    """
    for label in ("NORMAL", "PNEUMONIA"):
        for i in range(2 * num_patients):
            number = f"{label[0]}{i // 2:03}"
            folder = root / label / f"ZZPLANTED_{number}^JANE"
            folder.mkdir(parents=True, exist_ok=True)
            film = _film(f"{number}", i, bright=label == "PNEUMONIA")
            if i == 3 and label == "NORMAL":
                film.BurnedInAnnotation = "YES"
            data = encoded(film)
            if i == 4 and label == "NORMAL":
                data = data[:-30]
            (folder / f"ZZPLANTED{number}_{i}{'.dcm' if i % 2 else ''}").write_bytes(data)
    report = _film("R", 99, bright=False)
    for keyword in ("Rows", "Columns", "PixelData"):
        delattr(report, keyword)
    (folder / "ZZPLANTED_REPORT").write_bytes(encoded(report))
    (folder / "ZZPLANTED_notes.txt").write_text("a letter")
    return root


def _film(number: str, i: int, *, bright: bool):
    film = dataset(Film(12, photometric="MONOCHROME1" if i % 3 else "MONOCHROME2"), seed=i)
    film.PatientName, film.PatientID = f"ZZPLANTED^{number}", f"ZZPLANTED{number}"
    film.StudyInstanceUID = f"{UIDS}.1.{int(number[1:] or 0)}"
    film.SOPInstanceUID = f"{UIDS}.2.{ord(number[0])}.{i}"
    film.file_meta.MediaStorageSOPInstanceUID = film.SOPInstanceUID
    film.AccessionNumber = f"{ACCESSION}{number}"
    film.InstitutionName, film.ReferringPhysicianName = "ZZPLANTED HOSPITAL", "ZZPLANTED^DOCTOR"
    film.PatientSex, film.PatientAge, film.ViewPosition = "FM"[i % 2], f"{i + 20:03}Y", "PA"
    film.BodyPartExamined, film.Manufacturer = "CHEST", "Maker"
    film.ImagerPixelSpacing = [0.143, 0.143]
    film.PatientBirthDate = "19700131"
    values = np.random.default_rng(i).integers(600, 1400, (film.Rows, film.Columns))
    values[4:14, 4:12] += 1500 if bright else 0
    film.PixelData = values.astype("<u2").tobytes()
    return film


def found_in(folder: Path, apart: tuple[str, ...] = ()) -> list[str]:
    """Every file below `folder` that holds a planted name, in its bytes or in its own name."""
    found = []
    for path in sorted(path for path in folder.rglob("*") if path.name not in apart):
        texts = [str(path.relative_to(folder)).encode()]
        if path.is_file():
            texts += contents(path.read_bytes())
        found += [str(path.relative_to(folder))] if any(map(names, texts)) else []
    return found


def names(text: bytes) -> bool:
    lower = text.lower()
    return any(name.lower().encode() in lower for name in (PLANTED, UIDS, ACCESSION))


def contents(data: bytes) -> Iterator[bytes]:
    """The bytes, and those packed in them: of gzip, of a zip's files, of a picture's texts."""
    yield data
    if data[:2] == b"\x1f\x8b":
        yield from contents(gzip.decompress(data))
    elif data[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                yield name.encode()
                yield from contents(archive.read(name))
    elif data[:4] == b"\x89PNG":
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            yield repr(image.info).encode()
