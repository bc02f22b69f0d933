import numpy as np
import pytest
from encoded import encode

from pneumoray.data.formats import is_image, sniff

FILM = np.tile(np.arange(16, dtype=np.uint8), (16, 1))
READ = {
    "JPEG": "JPEG",
    "PNG": "PNG",
    "BMP": "BMP",
    "TIFF": "TIFF",
    "WEBP": "WEBP",
    "GIF": "GIF",
    "PPM": "PNM",
    "JPEG2000": "JPEG2000",
    "AVIF": "AVIF",
}


@pytest.mark.parametrize(("kind", "name"), READ.items())
def test_an_image_is_known_by_its_content_whatever_it_is_called(tmp_path, kind, name):
    data = encode(FILM, kind)
    assert sniff(data[:512]) == name
    for called in ("IM0001", "film.dat", "notes.txt"):
        (tmp_path / called).write_bytes(data)
        assert is_image(tmp_path / called)


def test_raw_jpeg_2000_and_big_tiff_are_known():
    assert sniff(encode(FILM, "JPEG2000", no_jp2=True)) == "JPEG2000"
    assert sniff(encode(FILM, "TIFF", big_tiff=True)) == "TIFF"
    assert sniff(b"P2\n# made by hand\n3 2\n255\n") == "PNM"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"BMI,sex,age\n23,F,40\n" * 9,
        b"P5 was the patient of\n",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypheic",
        b"%PDF-1.7",
        b"<!DOCTYPE html>",
        b"version https://git-lfs.github.com/spec/v1\n",
    ],
)
def test_what_is_none_is_none_whatever_it_is_called(tmp_path, data):
    (tmp_path / "film.png").write_bytes(data)
    assert not is_image(tmp_path / "film.png")


def test_what_can_not_be_opened_is_no_image(tmp_path):
    assert not is_image(tmp_path / "nowhere")
    assert not is_image(tmp_path)
