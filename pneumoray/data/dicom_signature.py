"""Whether a file is DICOM, by its first bytes; no DICOM library is needed to say so."""

import os
import struct
from pathlib import Path

HEAD_BYTES = 1024  # what `is_dicom` looks at
_NUM_ELEMENTS = (
    3  # in order, from the beginning of a file without preamble: no other format has that
)
_LAST_GROUP = 0x28  # of the elements that come first
_VRS = frozenset(
    b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR "
    b"US UT UV".split()
)
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())


def is_dicom(data: bytes) -> bool:
    """Whether `data`, or the file that begins so, is DICOM: with the preamble, or without it.

    Without, it begins with elements of group 2 or 8, in ascending order and of sound lengths.
    """
    if data[128:132] == b"DICM":
        return True
    return any(_begins_with_elements(data[:HEAD_BYTES], order) for order in "<>")


def is_dicom_file(path: Path | str) -> bool:
    """`is_dicom` of a file; False for what can't be read. A pipe is not waited for."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            return is_dicom(os.read(file, HEAD_BYTES))
        finally:
            os.close(file)
    except (OSError, ValueError):
        return False


def _begins_with_elements(head: bytes, order: str) -> bool:
    if head[:2] not in (struct.pack(f"{order}H", 2), struct.pack(f"{order}H", 8)):
        return False
    place, last = 0, (0, -1)
    for _ in range(_NUM_ELEMENTS):
        if len(head) < place + 12:
            return False
        tag = struct.unpack_from(f"{order}HH", head, place)
        if not last < tag or tag[0] > _LAST_GROUP:
            return False
        vr = head[place + 4 : place + 6]
        if vr in _LONG_VRS:
            length, start = struct.unpack_from(f"{order}I", head, place + 8)[0], 12
        elif vr in _VRS:
            length, start = struct.unpack_from(f"{order}H", head, place + 6)[0], 8
        else:
            length, start = struct.unpack_from(f"{order}I", head, place + 4)[0], 8
        if length % 2 or length > HEAD_BYTES:
            return False
        place, last = place + start + length, tag
    return True
