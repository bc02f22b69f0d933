"""What a file is by its first bytes, whatever its name says."""

import re
from pathlib import Path

from pneumoray.data.dicom_signature import is_dicom

HEAD_BYTES = 512  # enough to know each format
SUFFIXES = {  # by which images are usually named, and what such a file is
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".bmp": "BMP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".webp": "WEBP",
    ".gif": "GIF",
    ".jp2": "JPEG2000",
    ".j2k": "JPEG2000",
    ".jpx": "JPEG2000",
    ".pgm": "PNM",
    ".ppm": "PNM",
    ".pnm": "PNM",
    ".avif": "AVIF",
    ".dcm": "DICOM",
}
READ = frozenset(SUFFIXES.values())
_SIGNATURES = tuple(
    (re.compile(pattern, re.DOTALL), name)
    for pattern, name in (
        (rb"\xff\xd8\xff", "JPEG"),
        (rb"\x89PNG\r\n\x1a\n", "PNG"),
        # Text may begin with BM or P5 as well: what follows must be a header's.
        (rb"BM.{4}\0{4}.{4}[\x0c\x28\x34\x38\x40\x6c\x7c]\0{3}", "BMP"),
        (rb"II[*+]\0|MM\0[*+]", "TIFF"),
        (rb"RIFF.{4}WEBP", "WEBP"),
        (rb"GIF8[79]a", "GIF"),
        (rb"\0{3}\x0cjP  \r\n\x87\n|\xff\x4f\xff\x51", "JPEG2000"),
        (rb"P[1-6]\s+(#[^\n]*\n\s*)*\d+\s", "PNM"),
        (rb".{4}ftyp(avif|avis)", "AVIF"),
        (rb".{4}ftyp(heic|heix|hevc|mif1|msf1)", "HEIC"),
        (rb"%!PS|\xc5\xd0\xd3\xc6", "PostScript"),
        (rb"%PDF", "PDF"),
        (rb".{344}n[i+]1\0|\x5c\x01\0\0.{340}n[i+]1\0", "NIfTI"),
        (rb"\x93NUMPY", "a NumPy array"),
        (rb"\x1f\x8b", "gzip"),
        (rb"version https://git-lfs", "a Git LFS pointer, not the file"),
        (rb"<", "HTML or XML"),
    )
)


def sniff(head: bytes) -> str:
    """What a file is by its first HEAD_BYTES: "JPEG", "PNG", "HEIC", ..., "" for none that is known."""
    if is_dicom(head):
        return "DICOM"
    return next((name for pattern, name in _SIGNATURES if pattern.match(head)), "")


def is_image(path: Path) -> bool:
    """Whether the file's content is of a format that is read; False where it can't be opened."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            return sniff(file.read(HEAD_BYTES)) in READ
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False
