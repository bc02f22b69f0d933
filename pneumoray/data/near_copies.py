"""Near copies: images that show one film though their pixels differ, found by how they look when small.

A copy that was saved again as JPEG, resized, windowed or brightened anew, cropped by a hair or mirrored
has other bytes and other pixels, and is still the same film in two splits.
"""

from collections.abc import Iterable, Iterator

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from sklearn.decomposition import PCA

from pneumoray.data.depth import WIDEST
from pneumoray.data.image import ImageSettings
from pneumoray.data.manifest import Finding, Manifest
from pneumoray.data.read import Event, MapShards, fill, map_threads, read_images

SIZE = 32  # pixels a side of a thumbnail
# Correlation of the details of two thumbnails. Of the 13.7 million pairs of shared X-rays none that is of
# two patients has more than 0.86, and nearly all copies have more than 0.9 (benchmarks/near_copies.py).
ALIKE = 0.9
DETAIL = 2.0  # thumbnail pixels: what is coarser is the anatomy that all films share
UNIT = 400  # length of a vector of details in int8: its largest entry is hardly ever cut off at 127
COMPONENTS = 24
TABLES = 24
NEIGHBOURS = 8  # in a bucket: bounds the work where very many look alike
CHUNK = 512
FEW = 256  # images are compared each with each
SAMPLE = 512  # of which the principal components are


def read_thumbnails(
    manifest: Manifest, map_shards: MapShards = map_threads, on_event: Event | None = None
) -> tuple[Manifest, list[Finding], np.ndarray]:
    """`read_facts`, together with a thumbnail of each readable image, (N, SIZE, SIZE) uint8."""
    files = list(enumerate(manifest.images["path"]))
    settings = ImageSettings(SIZE, ranges=WIDEST)  # of others the range is not decided yet
    thumbnails = np.zeros((len(files), SIZE, SIZE), dtype=np.uint8)
    facts = {}
    for index, fact, pixels in read_images(files, settings, map_shards, on_event):
        facts[index] = fact
        if pixels is not None:
            thumbnails[index] = pixels[:, :, 0]
    read, unreadable = fill(manifest, facts)
    return read, unreadable, thumbnails[[i for i in range(len(files)) if "error" not in facts[i]]]


def thumbnails_of(images: Iterable[np.ndarray], num: int) -> np.ndarray:
    """Thumbnails (N, SIZE, SIZE) uint8 of `num` images as a Pack has them, (H, W, C) uint8 each."""
    made = np.empty((num, SIZE, SIZE), dtype=np.uint8)
    for row, image in enumerate(images):
        grey = Image.fromarray(image if image.shape[2] == 3 else image[:, :, 0]).convert("L")
        made[row] = np.asarray(grey.resize((SIZE, SIZE), Image.Resampling.BOX))
    return made


def find_near_copies(manifest: Manifest, thumbnails: np.ndarray) -> list[tuple[str, str]]:
    """`near_copies` as pairs of image ids."""
    return [
        (one, other) for one, other in manifest.images["id"].to_numpy()[near_copies(thumbnails)]
    ]


def near_copies(thumbnails: np.ndarray) -> np.ndarray:
    """Pairs of rows of `thumbnails`, (N, SIZE, SIZE) uint8, that show one film: (M, 2) int64, sorted.

    Two do whose details correlate by ALIKE or more, as they are or one of them mirrored. Few images are
    compared each with each, of more those that locality-sensitive hashing (Charikar 2002) brings
    together: in each of TABLES tables images fall into buckets by the signs of random projections of
    their principal components, as many as N has bits. So time goes with N log N, and a pair may be
    missed. Among very many copies of one film each is given with some of the others. Blank images have
    no copies.
    """
    details, rows = _details(thumbnails)
    if len(rows) < 2:
        return np.empty((0, 2), dtype=np.int64)
    pairs = _candidates(details)
    alike = np.zeros(len(pairs), dtype=bool)
    for start in range(0, len(pairs), CHUNK):
        first, second = pairs[start : start + CHUNK].T
        other = details[second % len(rows)]
        is_mirrored = second >= len(rows)
        other[is_mirrored] = other[is_mirrored, :, ::-1]
        products = np.einsum("nij,nij->n", details[first], other, dtype=np.float32)
        alike[start : start + CHUNK] = products >= ALIKE * UNIT**2
    found: np.ndarray = np.unique(np.sort(rows[pairs[alike] % len(rows)], axis=1), axis=0)
    return found


def _details(thumbnails: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What a thumbnail is beside coarse brightness, int8, for each that is not blank; and their rows.

    Pixels are ranked within their image before, which takes gamma and window away.
    """
    made, rows = [np.empty((0, SIZE, SIZE), dtype=np.int8)], [np.empty(0, dtype=np.int64)]
    for start in range(0, len(thumbnails), CHUNK):
        ranks = np.stack([_ranks(image) for image in thumbnails[start : start + CHUNK]])
        detail = ranks - gaussian_filter(ranks, (0, DETAIL, DETAIL))
        length = np.sqrt((detail**2).sum(axis=(1, 2)))
        kept = np.flatnonzero(length > 1)
        unit = detail[kept] * (UNIT / length[kept])[:, None, None]
        made.append(np.clip(np.rint(unit), -127, 127).astype(np.int8))
        rows.append(start + kept)
    return np.concatenate(made), np.concatenate(rows)


def _ranks(image: np.ndarray) -> np.ndarray:
    """Of each pixel its rank in the image, equal ones the mean of theirs."""
    counts = np.bincount(image.ravel(), minlength=256)
    middles: np.ndarray = (np.cumsum(counts) - counts / 2).astype(np.float32)
    return middles[image]


def _candidates(details: np.ndarray) -> np.ndarray:
    """Pairs (M, 2) to compare; of row i, N + i means the mirror image, in the second column only."""
    num = len(details)
    if num <= FEW:
        low, high = np.triu_indices(num, 1)
        return np.concatenate([np.stack([low, high], 1), np.stack([low, high + num], 1)])
    places, share = _places(details)
    nearest = 2 * (1 - ALIKE) * share  # squared distance that ALIKE allows in these components
    known = np.empty(0, dtype=np.int64)
    for low, high in _neighbours(places, num.bit_length()):
        apart = ((places[low] - places[high]) ** 2).sum(axis=1)
        wanted = (low < num) & (high != low + num) & (apart <= nearest)
        known = np.union1d(known, low[wanted] * 2 * num + high[wanted])
    return np.stack([known // (2 * num), known % (2 * num)], axis=1)


def _neighbours(places: np.ndarray, bits: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of rows, the lower one first, that fall together into a bucket of a table."""
    planes = np.random.default_rng(0).standard_normal((TABLES, places.shape[1], bits))
    for table in planes.astype(np.float32):
        keys = (places @ table > 0) @ (1 << np.arange(bits))
        order = np.argsort(keys, kind="stable")
        for step in range(1, NEIGHBOURS + 1):
            one, other = order[:-step], order[step:]
            together = keys[one] == keys[other]
            one, other = one[together], other[together]
            yield np.minimum(one, other), np.maximum(one, other)


def _places(details: np.ndarray) -> tuple[np.ndarray, float]:
    """Principal components of unit vectors, (2 N, COMPONENTS), mirror images in the second half;
    and which share of the variance they hold.
    """
    some = details[:: -(-len(details) // SAMPLE)].reshape(-1, SIZE * SIZE) / np.float32(UNIT)
    with np.errstate(invalid="ignore"):  # all equal: no variance to divide by
        pca = PCA(COMPONENTS, svd_solver="covariance_eigh").fit(some)
    halves = [
        pca.transform(images.reshape(-1, SIZE * SIZE) / np.float32(UNIT))
        for turned in (details, details[:, :, ::-1])
        for images in np.array_split(turned, -(-len(details) // CHUNK))
    ]
    share = np.nan_to_num(pca.explained_variance_ratio_.sum(), nan=1.0)
    return np.concatenate(halves).astype(np.float32), float(share)
