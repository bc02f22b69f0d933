"""Record what an independent reader makes of the films, and the films that only it can write.

    python tests/data/record_dicom.py      (Debian: apt-get install dcmtk libgdcm-tools)

DCMTK shows each film; of JPEG 2000, which its free part can't read, GDCM takes the compression off
before. The result is dicom_films.npz beside this script: by film its pixels as shown, and by film of
RECORDED the bytes of its file.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
from dicom_films import FILMS, RECORDED, Film, film_bytes  # noqa: E402

COMPRESSORS = {
    "jpeg": ["dcmcjpeg", "+eb", "+q", "95"],
    "jpeg-extended": ["dcmcjpeg", "+ee", "+q", "95"],
    "jpeg-lossless": ["dcmcjpeg", "+e1"],
    "jpeg-ls": ["dcmcjpls", "+el"],
}


def shown(film: Film, file: Path) -> np.ndarray:
    """What DCMTK shows, with the first VOI LUT or window, and without overlays."""
    for name, tool in (("jpeg-2000", ["gdcmconv", "--raw"]), ("jpeg-ls", ["dcmdjpls"])):
        if film.syntax == name:
            raw = file.with_suffix(".raw")
            subprocess.run([*tool, str(file), str(raw)], check=True)
            file = raw
    window = []
    if "VOILUTSequence" in film.lut:
        window = ["+Wl", "1"]
    elif film.elements.get("VOILUTFunction") == "LINEAR_EXACT":  # as LINEAR, which DCMTK knows
        center, width = (film.elements[f"Window{what}"] for what in ("Center", "Width"))
        window = ["+Ww", str(center + 0.5), str(width + 1), "+Wfl"]
    elif "WindowCenter" in film.elements:
        window = ["+Wi", "1"]
    image = file.with_suffix(".pnm")
    subprocess.run(["dcmj2pnm", "-O", *window, "+op", str(file), str(image)], check=True)
    return np.asarray(Image.open(image))


def main() -> None:
    kept = {}
    with tempfile.TemporaryDirectory() as folder:
        for seed, (name, film) in enumerate(FILMS.items()):
            file = Path(folder, f"{seed}.dcm")
            file.write_bytes(film_bytes(film, seed))
            if film.syntax in RECORDED:
                draft = file.rename(file.with_suffix(".plain"))
                subprocess.run([*COMPRESSORS[film.syntax], str(draft), str(file)], check=True)
                kept[f"file: {name}"] = np.frombuffer(file.read_bytes(), np.uint8)
            kept[f"shown: {name}"] = shown(film, file)
    np.savez_compressed(HERE / "dicom_films.npz", **kept)
    print(f"{len(FILMS)} films, {(HERE / 'dicom_films.npz').stat().st_size} bytes")


if __name__ == "__main__":
    main()
