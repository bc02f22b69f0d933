"""Names become files: folders, tables and patterns mean their images, each once, in a lasting order."""

import os
from pathlib import Path

import pytest

from pneumoray.data.unlabelled import Unusable, list_files
from pneumoray.errors import DataError


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A current folder with images at several depths, and what is no image."""
    for name in ("b.png", "a.JPG", "more/2.png", "more/deep/1.png", "more-films/3.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    for name in ("notes.txt", "more/.hidden.png", "more/Thumbs.db"):
        (tmp_path / name).write_bytes(b"")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def listed(*named, **options):
    return [path.as_posix() for path in list_files(named, **options)]


@pytest.mark.parametrize(
    ("named", "files"),
    [
        (["b.png"], ["b.png"]),
        (["b.png", "a.JPG"], ["b.png", "a.JPG"]),
        (["more"], ["more/2.png", "more/deep/1.png"]),
        (["more/"], ["more/2.png", "more/deep/1.png"]),
        # as `scan` orders them: by the whole path, in which '-' comes before '/'
        (["."], ["a.JPG", "b.png", "more-films/3.png", "more/2.png", "more/deep/1.png"]),
        (["*.png"], ["b.png"]),
        (["mor*/*.png"], ["more/2.png", "more-films/3.png"]),
        (["more/**/*.png"], ["more/2.png", "more/deep/1.png"]),
        (["mor[e]"], ["more/2.png", "more/deep/1.png"]),
        (["notes.txt"], ["notes.txt"]),  # decoding it will tell
        (["b.png", "*.png", "b.png"], ["b.png"]),
        (["b.png", "gone.png"], ["b.png", "gone.png"]),  # its row will tell
    ],
)
def test_a_name_means_its_images(here, named, files):
    assert sorted(listed(*named)) == sorted(files)
    if "mor*" not in named[0]:
        assert listed(*named) == files


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(here):
    (here / "film[1].png").write_bytes(b"")
    assert listed("film[1].png") == ["film[1].png"]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_table_needs_no_labels_and_keeps_its_order(here, separator):
    (here / "list.csv").write_text(
        f"Path{separator}age\nmore\\deep\\1.png{separator}7\nb.png{separator}\n"
    )
    assert listed("list.csv") == ["more/deep/1.png", "b.png"]


def test_paths_of_a_table_start_from_images(here):
    (here / "list.tsv").write_text("path\n2.png\ndeep/1.png\n")
    assert listed("list.tsv", images=here / "more") == [
        str(here / "more/2.png"),
        str(here / "more/deep/1.png"),
    ]


@pytest.mark.parametrize(
    ("named", "said"),
    [
        (["gone.png"], "gone.png does not exist; name image files"),
        (["empty"], "empty holds no images: no file in it is one"),
        (["empty", "gone.png", "*.dcm"], "empty holds no images"),
        (["*.dcm", "empty"], r"no file matches \*.dcm"),
        (["https://example.org/x.jpeg"], r"^https://example.org/x.jpeg is an address, and addr"),
        (["A" * 5000], r"^A{200} can't be read \(File name too long\); name image files"),
        (["a\0b"], "can't be read .*null"),
        (["a\0*"], "can't be read .*null"),
        (["~nobody-of-that-name/x.png"], "does not exist"),
        (["*.dcm"], r"no file matches \*.dcm"),
        (["nopath.csv"], "no column 'path' but file; name the column path$"),
        (["blank.csv"], "no path in row 3"),
        (["away.csv"], "none of the 1 images in away.csv is found.*--images"),
    ],
)
def test_what_names_no_image_is_one_line(here, named, said):
    (here / "nopath.csv").write_text("file\nb.png\n")
    (here / "blank.csv").write_text("path,age\nb.png,1\n,2\n")
    (here / "away.csv").write_text("path\nfar/b.png\n")
    with pytest.raises(DataError, match=said) as error:
        listed(*named)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("*.dcm", "no file matches *.dcm; check the pattern and the current folder"),
        ("empty", "empty holds no images: no file in it is one, by its name or its content"),
        ("nopath.csv", "nopath.csv has no column 'path' but file; name the column path"),
        ("http://x.org/a.png", "http://x.org/a.png is an address, and addresses are not fetched"),
    ],
)
def test_one_name_without_images_among_others_is_one_of_the_list(here, name, said):
    (here / "nopath.csv").write_text("file\nb.png\n")
    first, unusable, last = list_files(["b.png", name, "a.JPG"])
    assert (first, last) == (Path("b.png"), Path("a.JPG"))
    assert isinstance(unusable, Unusable)
    assert unusable.name == name
    assert str(unusable).startswith(said)


def test_a_folder_that_may_not_be_read_is_said_to_be_that(here, monkeypatch):
    scandir = os.scandir

    def refuses(path="."):
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuses)
    image, closed = list_files(["more"])
    assert image == Path("more/2.png")
    assert str(closed) == "more/deep can't be read (Permission denied); check the folder"
    with pytest.raises(DataError, match=r"^more/deep can't be read \(Permission denied\)"):
        list_files(["more/deep"])
