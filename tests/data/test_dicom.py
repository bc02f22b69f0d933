"""Films agree with DCMTK within one grey level. `record_dicom.py` recorded what it shows."""

import io
import os
import struct
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom", reason="pip install 'pneumoray[dicom]'")
from dicom_films import FILMS, RECORDED, Film, dataset, encoded, film_bytes, stored_values

from pneumoray.data import dicom, formats, image
from pneumoray.data.dicom_signature import is_dicom, is_dicom_file
from pneumoray.errors import DataError

RECORD = np.load(Path(__file__).parent / "dicom_films.npz")
SEEDS = {name: seed for seed, name in enumerate(FILMS)}
MOST = 10**6
MOST_APART = {
    "colour, jpeg": 2
}  # grey levels: how lossy colour grows to all pixels is each decoder's
DCMTK_DIFFERS = ("colour, YBR",)  # its table of integers is up to 1.7 levels from PS3.3 C.7.6.3.1.2


def file_of(name: str) -> bytes:
    film = FILMS[name]
    if film.syntax in RECORDED:
        return RECORD[f"file: {name}"].tobytes()
    return film_bytes(film, SEEDS[name])


def shown(film: Film, seed: int = 0) -> np.ndarray:
    return dicom.read(film_bytes(film, seed), MOST).pixels


@pytest.mark.parametrize("name", [name for name in FILMS if name not in DCMTK_DIFFERS])
def test_a_film_is_shown_as_dcmtk_shows_it(name):
    film = FILMS[name]
    theirs = RECORD[f"shown: {name}"].astype(int)
    ours = dicom.read(file_of(name), MOST).pixels.astype(int)
    assert ours.shape == theirs.shape
    if film.padding is not None:  # which DCMTK shows as if it were tissue
        last = film.elements.get("PixelPaddingRangeLimit", film.padding)
        low, high = sorted((film.padding, last))
        values = stored_values(film, SEEDS[name])
        padded = (values >= low) & (values <= high)
        assert padded.sum() >= 27
        assert (ours[padded] == 0).all()
        ours, theirs = ours[~padded], theirs[~padded]
    assert np.abs(ours - theirs).max() <= MOST_APART.get(name, 1)
    assert theirs.max() - theirs.min() > 60  # the film shows something


def test_luminance_and_chrominance_become_the_red_green_and_blue_of_the_standard():
    values = stored_values(FILMS["colour, YBR"], SEEDS["colour, YBR"]).astype(float)
    y, blue, red = values[..., 0], values[..., 1] - 128, values[..., 2] - 128
    expected = [y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue]
    ours = dicom.read(file_of("colour, YBR"), MOST).pixels
    assert np.abs(ours - np.stack(expected, axis=-1).clip(0, 255)).max() <= 0.5


def test_the_order_of_the_chain_by_hand():
    film = dataset(Film(8, 8, photometric="MONOCHROME1"))
    film.Rows, film.Columns = 1, 4
    film.PixelData = bytes([0, 100, 150, 200])
    film.RescaleSlope, film.RescaleIntercept = 2, -100  # -100, 100, 200, 300
    film.WindowCenter, film.WindowWidth = 100.5, 201  # 0 ... 200
    assert dicom.read(encoded(film), MOST).pixels.tolist() == [[255, 128, 0, 0]]
    film.add_new("PixelPaddingValue", "US", 0)
    assert dicom.read(encoded(film), MOST).pixels.tolist() == [[0, 128, 0, 0]]


def test_white_is_inverted_once_and_not_by_the_brightest_pixel():
    inverse = {"PresentationLUTShape": "INVERSE"}
    dark = Film(12, elements={"WindowCenter": 6000, "WindowWidth": 12000})  # half the range is used
    for photometric, elements in (("MONOCHROME1", {}), ("MONOCHROME1", inverse)):
        film = Film(12, photometric=photometric, elements=dark.elements | elements)
        assert (shown(film) == 255 - shown(dark)).mean() > 0.99  # .5 rounds to even


def test_facts_say_what_the_file_stores():
    film = dicom.read(film_bytes(Film(12, photometric="MONOCHROME1")), MOST)
    assert (film.mode, film.depth) == ("MONOCHROME1", "DICOM 12")
    assert dicom.read(film_bytes(Film(8, 8)), MOST).depth == "DICOM 8"


def without_preamble(name: str) -> bytes:
    return file_of(name)[132:]


def bare(name: str) -> bytes:
    """No preamble and no meta elements, as ACR-NEMA's heirs write it."""
    import pydicom

    film = pydicom.dcmread(io.BytesIO(file_of(name)))
    buffer = io.BytesIO()
    pydicom.dcmwrite(
        buffer, film, implicit_vr=film.original_encoding[0], little_endian=film.original_encoding[1]
    )
    return buffer.getvalue()[132 + 12 + film.file_meta.FileMetaInformationGroupLength :]


@pytest.mark.parametrize("name", ["12 bits", "implicit", "big"])
@pytest.mark.parametrize("form", [file_of, without_preamble, bare])
def test_dicom_is_known_by_its_content_and_read_the_same(form, name):
    data = form(name)
    assert formats.sniff(data) == "DICOM"
    assert np.array_equal(image.decode(data), image.decode(file_of(name)))


def test_other_files_are_not_taken_for_dicom():
    rng = np.random.default_rng(0)
    others = [b"", b"\x02\x00", b"\x08\x00", bytes(2000), b"\x02\x00" * 600, b"\x08\x00" * 600]
    others += [rng.bytes(1024) for _ in range(200)]
    others += [start + rng.bytes(1000) for start in (b"\x02\x00", b"\x08\x00", b"\x00\x08") * 50]
    for kind in ("JPEG", "PNG", "TIFF", "BMP", "WEBP", "GIF"):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (20, 20), dtype=np.uint8)).save(buffer, kind)
        others.append(buffer.getvalue())
    assert not any(map(is_dicom, others))


def test_a_folder_a_pipe_and_nothing_are_no_dicom_files(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    assert not any(map(is_dicom_file, (tmp_path, tmp_path / "pipe", tmp_path / "absent", "a\0b")))
    (tmp_path / "film").write_bytes(film_bytes(Film(12)))
    assert is_dicom_file(tmp_path / "film")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"NumberOfFrames": 12}, "it has 12 frames, and an image has one"),
        ({"RescaleSlope": 0, "RescaleIntercept": 0}, "its rescale slope is 0"),
        ({"WindowCenter": 5, "WindowWidth": 0}, "its window width 0 is too small for LINEAR"),
        (
            {"WindowCenter": 5, "WindowWidth": 9, "VOILUTFunction": "ZZNAME"},
            "its VOILUTFunction is none of LINEAR, LINEAR_EXACT and SIGMOID",
        ),
        ({"Rows": 20000, "Columns": 20000}, "20000 x 20000 pixels, 89478485 are allowed"),
        ({"PixelData": None}, "it holds no pixels"),
        ({"Rows": None}, "it holds no image"),
        (
            {"PhotometricInterpretation": "HSV"},
            "its photometric interpretation is none of MONOCHROME1",
        ),
        ({"BitsStored": 32, "BitsAllocated": 32}, "it has 32 bits a pixel, and up to 16 are read"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(change, reason):
    film = dataset(Film(12))
    for keyword, value in change.items():
        if value is None:
            delattr(film, keyword)
        else:
            setattr(film, keyword, value)
    with pytest.raises(DataError) as raised:
        image.decode(encoded(film))
    assert str(raised.value).startswith(f"the image is DICOM and can't be shown: {reason}")


@pytest.mark.parametrize("keyword", ["WindowCenter", "RescaleSlope", "PhotometricInterpretation"])
def test_a_message_about_a_damaged_film_quotes_nothing_of_it(keyword, caplog, recwarn):
    film = dataset(Film(12, elements={"WindowCenter": 1, "WindowWidth": 2}))
    film.RescaleSlope, film.RescaleIntercept = 1, 0
    planted = encoded(film).replace(*swapped(film, keyword, b"ZZNAME"))
    assert b"ZZNAME" in planted
    with pytest.raises(DataError, match="is DICOM and can't be") as raised:
        dicom.read(planted, MOST)
    told = f"{raised.value} {caplog.text} {[str(one.message) for one in recwarn]}"
    assert "ZZNAME" not in told


def swapped(film, keyword: str, text: bytes) -> tuple[bytes, bytes]:
    """The bytes of an element, as explicit little endian has them, and others with `text`."""
    value = str(film[keyword].value).encode()
    value += b" " * (len(value) % 2)
    tag, vr = film[keyword].tag, film[keyword].VR.encode()
    head = struct.pack("<HH", tag.group, tag.elem) + vr
    return head + struct.pack("<H", len(value)) + value, head + struct.pack("<H", len(text)) + text


def test_a_film_that_breaks_off_is_refused():
    with pytest.raises(DataError, match=r"^is DICOM and can't be decoded \(ValueError\)"):
        dicom.read(film_bytes(Film(12))[:-50], MOST)


def test_without_pydicom_the_extra_is_named(monkeypatch):
    data = film_bytes(Film(12))
    monkeypatch.setitem(sys.modules, "pydicom", None)
    monkeypatch.setitem(sys.modules, "pydicom.datadict", None)
    with pytest.raises(DataError) as raised:
        image.decode(data)
    assert str(raised.value) == (
        "the image is DICOM, which needs pydicom: pip install 'pneumoray[dicom]'"
    )


def test_no_warning_of_pydicom_reaches_the_terminal():
    film = dataset(Film(12))
    film.PixelData += bytes(10)  # trailing padding, of which pydicom warns
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        dicom.read(encoded(film), MOST)
    assert told == []
