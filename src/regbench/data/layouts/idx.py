"""IDX files of images and labels, as MNIST and its relatives come, gzipped or not."""

import gzip
import re
import struct
import zlib
from pathlib import PurePosixPath
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from regbench.config.data import Data
from regbench.data.layouts.listing import SPLIT_OF, Listing, concat, make_rows
from regbench.data.sources.packed import PackedSource, Pixels, Spool, are_images
from regbench.data.sources.source import Source
from regbench.errors import InputError, reason_of

LAYOUT = "idx"
FILE = re.compile(r"(?P<part>.*?)[-_.]?(?P<kind>images|labels)[-_.]idx(?P<axes>[1-4])[-_.]ubyte(\.gz)?$")
BYTES = 8
"""The type code of unsigned bytes, https://yann.lecun.com/exdb/mnist (section on the IDX format)."""


def read_idx(source: Source, data: Data) -> Listing | None:
    """Read pairs such as `train-images-idx3-ubyte` and `train-labels-idx1-ubyte`; labels become "0", "1", ...

    The pair before `t10k` or `test` is the given split. Images without labels are unlabelled ones. None where no
    file is called so.

    Raises:
        InputError: a file is no IDX file of bytes, is cut short, or images and labels differ in number.
    """
    images, labels = _pairs(source)
    if not images:
        return None
    packed, parts = {}, []
    splits = {part: _split(part) for part in images if part in labels}
    given = len(set(splits.values())) > 1 and all(splits.values())
    for part in sorted(images, key=lambda part: (part not in labels, splits.get(part, "") == "test", part)):
        pixels = read_array(source, images[part])
        if not are_images(pixels.shape):
            raise InputError(
                f"{source.path}: {images[part]}: shape = {pixels.shape}: must be (N, height, width) or (N, height, "
                "width, 1, 3 or 4): give files of images"
            )
        packed[part] = Pixels(pixels)
        names = [f"{part}/{number}.png" for number in range(len(pixels))]
        answers = read_array(source, labels[part]).astype(str).tolist() if part in labels else []
        if part in labels and len(answers) != len(pixels):
            raise InputError(
                f"{source.path}: {labels[part]}: {len(answers):,} labels for {len(pixels):,} images: must be as many: "
                "copy both files again"
            )
        split = splits.get(part, "") if given else ""
        parts.append(make_rows(names, labels=answers or "", split=split))
    return Listing(LAYOUT, concat(parts), PackedSource(source.path, packed))


def read_array(source: Source, name: str) -> NDArray[np.uint8]:
    """Return the array of an IDX file of bytes, in a temporary file and not in memory.

    Raises:
        InputError: it is no such file, or is cut short.
    """
    spool = Spool()
    try:
        with source.open(name) as file:
            spool.copy(cast(IO[bytes], gzip.GzipFile(fileobj=file)) if name.endswith(".gz") else file)
        header = spool.array(np.uint8, (4,)).tobytes()
        if header[:3] != bytes([0, 0, BYTES]):
            raise ValueError(f"begins with {header.hex(' ')} and not with 00 00 08")
        shape = struct.unpack(f">{header[3]}I", spool.array(np.uint8, (4 * header[3],), 4).tobytes())
        return spool.array(np.uint8, shape, 4 + 4 * header[3])
    except (OSError, EOFError, ValueError, struct.error, zlib.error) as error:
        raise InputError(
            f"{source.path}: {name}: not an IDX file of bytes ({reason_of(error)}): copy it again"
        ) from None


def _pairs(source: Source) -> tuple[dict[str, str], dict[str, str]]:
    """Return files of images and of labels, by what stands before those words."""
    found: dict[str, dict[str, str]] = {"images": {}, "labels": {}}
    for name in sorted(source.names(), reverse=True):  # A file and the same one gzipped: the plain one, sorted later.
        if match := FILE.fullmatch(PurePosixPath(name).name):
            found[match["kind"]][match["part"]] = name
    return found["images"], found["labels"]


def _split(part: str) -> str:
    return next((SPLIT_OF[word] for word in reversed(part.lower().split("-")) if word in SPLIT_OF), "")
