"""Presents images inside arrays or tables as if each were a file."""

import io
import mmap
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, Protocol

import numpy as np
from numpy.typing import DTypeLike, NDArray
from PIL import Image

from regbench.data.sources.source import checksum_text

CHUNK = 1 << 20
"""Bytes copied at a time."""


class Spool:
    """A temporary file without a name: written once, then memory-mapped, so that pixels are held in no memory."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115
        self.length = 0

    def write(self, content: bytes | memoryview) -> None:
        """Append bytes."""
        self.length += self._file.write(content)

    def copy(self, file: IO[bytes]) -> None:
        """Append all that a file still holds."""
        while chunk := file.read(CHUNK):
            self.write(chunk)

    def array(self, dtype: DTypeLike, shape: tuple[int, ...], offset: int = 0) -> NDArray[Any]:
        """Map what was written as an array; ValueError if it holds fewer bytes."""
        self._file.flush()
        count = int(np.prod(shape, dtype=np.int64))
        if not count:
            return np.zeros(shape, dtype)
        mapped = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        return np.frombuffer(mapped, dtype, count, offset).reshape(shape)


class Packed(Protocol):
    """Images packed into one array or column."""

    def __len__(self) -> int:
        """Return how many there are."""

    def encoded(self, number: int) -> bytes:
        """Return one as the bytes of an image file."""

    def content(self, number: int) -> bytes:
        """Return the bytes that it is stored as."""


def are_images(shape: tuple[int, ...]) -> bool:
    """Return whether an array's shape is (N, H, W) or (N, H, W, C), of images with a pixel, C of 1, 3 or 4."""
    return len(shape) in (3, 4) and 0 not in shape[1:] and shape[3:] in ((), (1,), (3,), (4,))


class Pixels:
    """Images as an array of bytes, (N, H, W) or (N, H, W, C), with C of 1, 3 or 4."""

    def __init__(self, array: NDArray[np.uint8]) -> None:
        self.array = array[..., 0] if array.ndim == 4 and array.shape[3] == 1 else array

    def __len__(self) -> int:
        return len(self.array)

    def encoded(self, number: int) -> bytes:
        buffer = io.BytesIO()
        Image.fromarray(self.array[number]).save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()

    def content(self, number: int) -> bytes:
        return bytes(self.array[number].tobytes())


class Encoded:
    """Image files one after the other; image i is `content[ends[i - 1] : ends[i]]`."""

    def __init__(self, content: NDArray[np.uint8], ends: Sequence[int]) -> None:
        self._content, self._ends = content, (0, *ends)

    def __len__(self) -> int:
        return len(self._ends) - 1

    def encoded(self, number: int) -> bytes:
        return bytes(self._content[self._ends[number] : self._ends[number + 1]].data)

    content = encoded


class PackedSource:
    """A source whose files are called `PART/NUMBER.png`."""

    def __init__(self, path: Path, parts: Mapping[str, Packed]) -> None:
        self.path = path
        self._parts = parts

    def names(self) -> frozenset[str]:
        return frozenset(name for part in self._parts for name in self.part_names(part))

    def part_names(self, part: str) -> list[str]:
        """Return the names of a part's images, in their order."""
        return [f"{part}/{number}.png" for number in range(len(self._parts[part]))]

    def read(self, name: str) -> bytes:
        part, number = self._find(name)
        return part.encoded(number)

    def open(self, name: str) -> IO[bytes]:
        return io.BytesIO(self.read(name))

    def checksum(self, name: str) -> str:
        part, number = self._find(name)
        return checksum_text(zlib.crc32(content := part.content(number)), len(content))

    def _find(self, name: str) -> tuple[Packed, int]:
        part, _, file = name.rpartition("/")
        try:
            return self._parts[part], int(file.removesuffix(".png"))
        except (KeyError, ValueError):
            raise FileNotFoundError(name) from None
