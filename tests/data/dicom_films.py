"""Small DICOM films made from numbers: of every photometric interpretation, depth and syntax."""

import io
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydicom import uid
from pydicom.dataset import Dataset, FileMetaDataset

SYNTAXES = {
    "implicit": uid.ImplicitVRLittleEndian,
    "explicit": uid.ExplicitVRLittleEndian,
    "big": uid.ExplicitVRBigEndian,
    "deflated": uid.DeflatedExplicitVRLittleEndian,
    "rle": uid.RLELossless,
    "jpeg": uid.JPEGBaseline8Bit,
    "jpeg-extended": uid.JPEGExtended12Bit,
    "jpeg-lossless": uid.JPEGLosslessSV1,
    "jpeg-ls": uid.JPEGLSLossless,
    "jpeg-2000": uid.JPEG2000Lossless,
}


@dataclass(frozen=True)
class Film:
    """What a film is made of. `elements` are further ones, by keyword."""

    bits: int = 12
    allocated: int = 16
    signed: bool = False
    photometric: str = "MONOCHROME2"
    syntax: str = "explicit"
    high_bit: int | None = None
    padding: int | None = None  # some pixels have this value
    junk: bool = False  # in the bits that are no pixels
    lut: dict[str, tuple[int, int, int]] = field(default_factory=dict)  # sequence -> descriptor
    packed: bool = False  # LUT entries of 8 bits, two in a word
    elements: dict[str, Any] = field(default_factory=dict)

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns): even, as YBR 4:2:2 needs, and 32 at least for JPEG 2000's wavelets."""
        return (32, 34) if self.syntax == "jpeg-2000" else (18, 22)


def stored_values(film: Film, seed: int) -> np.ndarray:
    """All of the range, from its lowest to its highest value; int64 (rows, columns[, samples])."""
    rng = np.random.default_rng(seed)
    low = -(2 ** (film.bits - 1)) if film.signed else 0
    if film.photometric in ("RGB", "YBR_FULL", "YBR_FULL_422"):
        ramp = np.linspace(0, 2**film.bits - 1, film.shape[1])
        channels = [np.tile(np.roll(ramp, 7 * i), (film.shape[0], 1)) for i in range(3)]
        return np.stack(channels, axis=-1).round().astype(np.int64)
    values = rng.integers(0, 2**film.bits, film.shape, dtype=np.int64) + low
    values[0] = np.linspace(low, low + 2**film.bits - 1, film.shape[1]).round()
    if film.padding is not None:
        values[-3:, :9] = film.padding
    return values


def dataset(film: Film, seed: int = 0) -> Dataset:
    """The film without compression; what `compressed` makes of it is another file."""
    values = stored_values(film, seed)
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = uid.DigitalXRayImageStorageForPresentation
    meta.MediaStorageSOPInstanceUID = f"1.2.826.0.1.3680043.8.498.{seed + 1}"
    native = film.syntax if film.syntax in ("implicit", "big", "deflated") else "explicit"
    meta.TransferSyntaxUID = SYNTAXES[native]
    made = Dataset()
    made.file_meta = meta
    made.SOPClassUID, made.SOPInstanceUID = (
        meta.MediaStorageSOPClassUID,
        meta.MediaStorageSOPInstanceUID,
    )
    made.PatientID, made.PatientName = f"P{seed}", "TEST^FILM"
    made.StudyInstanceUID, made.SeriesInstanceUID = "1.2.3", "1.2.3.4"
    made.Modality = "DX"
    made.Rows, made.Columns = film.shape
    made.SamplesPerPixel = values.shape[2] if values.ndim == 3 else 1
    made.PhotometricInterpretation = film.photometric
    made.BitsAllocated, made.BitsStored = film.allocated, film.bits
    made.HighBit = film.bits - 1 if film.high_bit is None else film.high_bit
    made.PixelRepresentation = int(film.signed)
    if made.SamplesPerPixel == 3:
        made.PlanarConfiguration = film.elements.get("PlanarConfiguration", 0)
        values = values if made.PlanarConfiguration == 0 else np.moveaxis(values, -1, 0)
    if film.padding is not None:
        made.add_new("PixelPaddingValue", "SS" if film.signed else "US", film.padding)
    for sequence, descriptor in film.lut.items():
        setattr(made, sequence, [_lut(film, descriptor, seed)])
    if film.photometric == "PALETTE COLOR":
        _add_palette(made)
    for keyword, value in film.elements.items():
        setattr(made, keyword, value)
    order = ">" if native == "big" else "<"
    words = (values << (made.HighBit + 1 - film.bits)) & (2 ** (made.HighBit + 1) - 1)
    if film.junk:  # as an overlay in the unused bits, above and below
        words |= (0x5A5A & ~((2**film.bits - 1) << (made.HighBit + 1 - film.bits))) & 0xFFFF
    pixels = words.astype(f"{order}u{film.allocated // 8}")
    if film.photometric == "YBR_FULL_422":  # Y Y Cb Cr, the colour of each second pixel
        flat = pixels.reshape(-1, 2, 3)
        pixels = np.stack([flat[:, 0, 0], flat[:, 1, 0], flat[:, 0, 1], flat[:, 0, 2]], axis=1)
    made.add_new(
        "PixelData",
        "OB" if film.allocated == 8 and native != "implicit" else "OW",
        pixels.tobytes(),
    )
    return made


def _add_palette(made: Dataset) -> None:
    for i, color in enumerate(("Red", "Green", "Blue")):
        entries = np.roll(np.arange(256), 80 * i) * 257
        made.add_new(f"{color}PaletteColorLookupTableDescriptor", "US", [256, 0, 16])
        made.add_new(f"{color}PaletteColorLookupTableData", "OW", entries.astype("<u2").tobytes())


def encoded(made: Dataset) -> bytes:
    """The bytes of its file."""
    buffer = io.BytesIO()
    made.save_as(buffer, enforce_file_format=True)
    return buffer.getvalue()


def film_bytes(film: Film, seed: int = 0) -> bytes:
    """The file of a film in a syntax that pydicom, or the decoders of the extra, can write."""
    made = dataset(film, seed)
    if film.syntax in ("rle", "jpeg-2000"):
        made.compress(SYNTAXES[film.syntax], generate_instance_uid=False)
    return encoded(made)


def _lut(film: Film, descriptor: tuple[int, int, int], seed: int) -> Dataset:
    """A falling or rising curve over its entries, through all of its bits."""
    num_entries, first, bits = descriptor
    curve = np.linspace(0, 1, num_entries) ** (0.6 + 0.2 * (seed % 4))
    entries = (curve * (2**bits - 1)).round().astype(int)
    item = Dataset()
    item.add_new("LUTDescriptor", "SS" if first < 0 else "US", [num_entries % 2**16, first, bits])
    if film.packed:
        item.add_new("LUTData", "OW", entries.astype("u1").tobytes())
    else:
        item.add_new("LUTData", "US", entries.tolist())
    return item


def _window(center: Any, width: Any, function: str | None = None, **more: Any) -> dict[str, Any]:
    given = {"WindowCenter": center, "WindowWidth": width, **more}
    return given | ({"VOILUTFunction": function} if function else {})


def _rescale(slope: float, intercept: float, **more: Any) -> dict[str, Any]:
    return {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": "US", **more}


_ONE = "MONOCHROME1"
FILMS: dict[str, Film] = {
    "8 bits": Film(8, 8),
    "8 bits, white is low": Film(8, 8, photometric=_ONE),
    "8 bits in words": Film(8, 16),
    "10 bits": Film(10),
    "12 bits": Film(12),
    "12 bits, white is low": Film(12, photometric=_ONE),
    "14 bits": Film(14),
    "16 bits": Film(16),
    "16 bits, white is low": Film(16, photometric=_ONE),
    "signed 8 bits": Film(8, 8, signed=True),
    "signed 12 bits": Film(12, signed=True),
    "signed 16 bits, white is low": Film(16, signed=True, photometric=_ONE),
    "implicit": Film(12, syntax="implicit"),
    "implicit, signed": Film(14, signed=True, syntax="implicit"),
    "big": Film(12, syntax="big"),
    "big, signed, window": Film(12, signed=True, syntax="big", elements=_window(100, 1800)),
    "big, 8 bits": Film(8, 8, syntax="big"),
    "deflated": Film(10, syntax="deflated"),
    "overlay in unused bits": Film(12, junk=True),
    "overlay in unused bits, signed": Film(12, signed=True, junk=True),
    "high bit 15": Film(12, high_bit=15, junk=True),
    "high bit 13, signed": Film(10, high_bit=13, signed=True, junk=True),
    "window": Film(12, elements=_window(2000, 1500)),
    "window, white is low": Film(12, photometric=_ONE, elements=_window(1200, 900)),
    "first of two windows": Film(12, elements=_window([700, 2000], [600, 3000])),
    "window of width 1": Film(12, elements=_window(2048, 1)),
    "window beyond the values": Film(10, elements=_window(2000, 4000)),
    "linear exact": Film(12, elements=_window(2000.5, 1501, "LINEAR_EXACT")),
    "sigmoid": Film(12, elements=_window(2048, 1500, "SIGMOID")),
    "sigmoid, white is low": Film(14, photometric=_ONE, elements=_window(8000, 9000, "SIGMOID")),
    "rescale, no window": Film(12, elements=_rescale(2, -1024)),
    "rescale, window": Film(12, signed=True, elements=_window(40, 400) | _rescale(1, -1024)),
    "rescale of fractions, window": Film(12, elements=_window(300, 700) | _rescale(0.31, -100.5)),
    "falling rescale, window": Film(12, elements=_window(-2000, 1500) | _rescale(-1, 0)),
    "falling rescale, no window": Film(12, elements=_rescale(-1, 4095)),
    "modality LUT": Film(12, lut={"ModalityLUTSequence": (4096, 0, 16)}),
    "modality LUT, window": Film(
        12, lut={"ModalityLUTSequence": (4096, 0, 12)}, elements=_window(1800, 2000)
    ),
    "modality LUT of bytes in words": Film(
        10, lut={"ModalityLUTSequence": (1024, 0, 8)}, packed=True
    ),
    "modality LUT for signed": Film(
        12, signed=True, lut={"ModalityLUTSequence": (4096, -2048, 16)}
    ),
    "short VOI LUT": Film(12, lut={"VOILUTSequence": (1000, 900, 12)}),
    "VOI LUT of 8 bits, white is low": Film(
        12, photometric=_ONE, lut={"VOILUTSequence": (4096, 0, 8)}
    ),
    "VOI LUT before window": Film(
        12, lut={"VOILUTSequence": (2048, 1024, 16)}, elements=_window(2000, 10)
    ),
    "both LUTs": Film(
        10, lut={"ModalityLUTSequence": (1024, 0, 12), "VOILUTSequence": (4096, 0, 10)}
    ),
    "rescale below zero, VOI LUT": Film(
        12, lut={"VOILUTSequence": (2000, -1000, 16)}, elements=_rescale(1, -1024)
    ),
    "inverse shape": Film(
        12, photometric=_ONE, elements=_window(2000, 1500) | {"PresentationLUTShape": "INVERSE"}
    ),
    "identity shape": Film(12, elements=_window(2000, 1500) | {"PresentationLUTShape": "IDENTITY"}),
    "padding": Film(12, signed=True, padding=-2048, elements=_window(0, 2000)),
    "padding, white is low": Film(12, photometric=_ONE, padding=0, elements=_window(2000, 3000)),
    "padding to a limit": Film(
        12, padding=4095, elements=_window(2000, 3000) | {"PixelPaddingRangeLimit": 4000}
    ),
    "rle": Film(12, syntax="rle", elements=_window(2000, 1500)),
    "rle, 8 bits, white is low": Film(8, 8, photometric=_ONE, syntax="rle"),
    "jpeg 2000": Film(12, syntax="jpeg-2000", elements=_window(2000, 1500)),
    "jpeg 2000, signed": Film(14, signed=True, syntax="jpeg-2000"),
    "jpeg lossless": Film(12, syntax="jpeg-lossless", elements=_window(2000, 1500)),
    "jpeg lossless, 16 bits, white is low": Film(16, photometric=_ONE, syntax="jpeg-lossless"),
    "jpeg lossless, signed": Film(12, signed=True, syntax="jpeg-lossless"),
    "jpeg ls": Film(12, syntax="jpeg-ls", elements=_window(2000, 1500)),
    "jpeg ls, 8 bits": Film(8, 8, syntax="jpeg-ls"),
    "jpeg": Film(8, 8, syntax="jpeg"),
    "colour": Film(8, 8, photometric="RGB"),
    "colour by planes": Film(8, 8, photometric="RGB", elements={"PlanarConfiguration": 1}),
    "colour, YBR": Film(8, 8, photometric="YBR_FULL"),
    "colour, YBR 4:2:2": Film(8, 8, photometric="YBR_FULL_422"),
    "colour, rle": Film(8, 8, photometric="RGB", syntax="rle"),
    "colour of a palette": Film(8, 8, photometric="PALETTE COLOR"),
    "a shape that says otherwise, identity": Film(
        photometric=_ONE, elements={"PresentationLUTShape": "IDENTITY"}
    ),
    "a shape that says otherwise, inverse": Film(elements={"PresentationLUTShape": "INVERSE"}),
    "jpeg of 12 bits": Film(12, syntax="jpeg-extended"),
    "colour, jpeg": Film(8, 8, photometric="RGB", syntax="jpeg"),
    "colour, jpeg lossless": Film(8, 8, photometric="RGB", syntax="jpeg-lossless"),
    "colour, jpeg 2000": Film(8, 8, photometric="RGB", syntax="jpeg-2000"),
    "colour of 16 bits": Film(16, photometric="RGB"),
    "32 bits allocated": Film(14, 32, signed=True),
}
RECORDED = (
    "jpeg",
    "jpeg-extended",
    "jpeg-lossless",
    "jpeg-ls",
)  # syntaxes that are written by DCMTK alone
