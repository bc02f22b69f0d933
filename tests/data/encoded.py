"""Small images as bytes: what Pillow writes, and TIFFs of forms that it does not."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2


def encode(pixels: Image.Image | np.ndarray, kind: str = "PNG", **options) -> bytes:
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ramp(height: int = 6, width: int = 8) -> np.ndarray:
    return np.arange(height * width, dtype=np.uint8).reshape(height, width) * 5


def significant(png: bytes, num_bits: int) -> bytes:
    """A grey PNG that says how many of its bits are significant (sBIT)."""
    chunk = b"sBIT" + bytes([num_bits])
    return png[:33] + b"\0\0\0\1" + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]


def tiff(values: np.ndarray, photometric: int, order: str = "<", bits: int = 0) -> bytes:
    """An uncompressed TIFF of (H, W) or (H, W, 3), in the type of `values`; `bits` 12 packs them."""
    height, width = values.shape[:2]
    num = 1 if values.ndim == 2 else 3
    kind = {"u": 1, "i": 2, "f": 3}[values.dtype.kind]
    data = values.astype(values.dtype.newbyteorder(order)).tobytes()
    if bits == 12:
        first, second = values.reshape(height, -1, 2).transpose(2, 0, 1).astype(int)
        packed = [first >> 4, (first & 15) << 4 | second >> 8, second & 255]
        data = np.stack(packed, axis=-1).astype(np.uint8).tobytes()
    bits = bits or values.dtype.itemsize * 8
    tags = [(256, [width]), (257, [height]), (258, [bits] * num), (259, [1]), (262, [photometric])]
    tags += [(273, [0]), (277, [num]), (278, [height]), (279, [len(data)]), (339, [kind] * num)]
    start = 8 + 2 + 12 * len(tags) + 4
    extra = b"".join(struct.pack(f"{order}{num}H", *v) for _, v in tags if len(v) == 3)
    rows, place = b"", start
    tags[5] = (273, [start + len(extra)])
    for tag, numbers in tags:
        row = struct.pack(f"{order}HHI", tag, 4 if tag in (273, 279) else 3, len(numbers))
        if len(numbers) == 3:
            row, place = row + struct.pack(f"{order}I", place), place + 6
        elif tag in (273, 279):
            row += struct.pack(f"{order}I", numbers[0])
        else:
            row += struct.pack(f"{order}HH", numbers[0], 0)
        rows += row
    head = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}IH", 8, len(tags))
    return head + rows + struct.pack(f"{order}I", 0) + extra + data
