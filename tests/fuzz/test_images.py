"""Whatever the bytes of an image are: pixels of the shape that was asked for, or a reason."""

import io
import struct
import zlib

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image
from support.fuzzing import Tally, damaged
from support.layouts import image_bytes, noise

from regbench.data.images import FORMATS, MAX_PIXELS, Conversion, ImageError, decode


def animated(kind: str) -> bytes:
    """Return three frames, with transparency."""
    frames = [noise(number, (9, 7), 3).convert("RGBA") for number in range(3)]
    frames[0].save(buffer := io.BytesIO(), kind, save_all=True, append_images=frames[1:])
    return buffer.getvalue()


def with_exif(kind: str) -> bytes:
    """Return an image that is to be turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    exif[0x010F] = "maker"
    noise(1, (9, 7), 3).save(buffer := io.BytesIO(), kind, exif=exif)
    return buffer.getvalue()


def compressed_tiff(method: str) -> bytes:
    noise(1, (9, 7), 3).save(buffer := io.BytesIO(), "TIFF", compression=method)
    return buffer.getvalue()


def png(width: int, height: int, depth: int, colour: int, data: bytes) -> bytes:
    """Return a PNG whose checksums are right, whatever else it says of itself."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


GOOD = {
    **{kind.lower(): [image_bytes(noise(1, (9, 7), 3), kind), image_bytes(noise(2, (7, 9)), kind)] for kind in FORMATS},
    "frames": [animated("GIF"), animated("PNG"), animated("TIFF"), animated("WEBP")],
    "metadata": [with_exif("JPEG"), with_exif("PNG"), with_exif("WEBP"), with_exif("TIFF")],
    "compressed tiff": [compressed_tiff(method) for method in ("tiff_lzw", "tiff_deflate", "packbits", "jpeg")],
    "other modes": [
        image_bytes(noise(1).convert(mode), kind)
        for mode, kind in (
            ("P", "PNG"),
            ("1", "PNG"),
            ("LA", "PNG"),
            ("I;16", "PNG"),
            ("CMYK", "TIFF"),
            ("F", "TIFF"),
            ("I", "TIFF"),
        )
    ],
}
CONVERSIONS = st.builds(
    Conversion,
    st.sampled_from([1, 3]),
    st.sampled_from([(8, 8), (1, 1), (9, 7), (3, 40)]),
    st.sampled_from(["stretch", "pad", "crop"]),
    st.sampled_from(["auto", "black", "white"]),
)


def check(content: bytes, conversion: Conversion) -> None:
    pixels, (height, width) = decode(content, conversion)
    assert len(pixels) == conversion.channels * conversion.size[0] * conversion.size[1]
    assert 0 < height * width <= MAX_PIXELS


@pytest.mark.parametrize("kind", GOOD)
@pytest.mark.filterwarnings("ignore:.*:UserWarning", "ignore::PIL.Image.DecompressionBombWarning")
def test_damaged_image(kind: str, tally: Tally) -> None:
    @given(content=damaged(GOOD[kind]), conversion=CONVERSIONS)
    def try_one(content: bytes, conversion: Conversion) -> None:
        tally.attempt(lambda: check(content, conversion), (ImageError,))

    try_one()


@given(
    width=st.integers(0, 40) | st.integers(0, 2**32 - 1),
    height=st.integers(0, 40) | st.integers(0, 2**32 - 1),
    depth=st.sampled_from([1, 2, 4, 8, 16]) | st.integers(0, 255),
    colour=st.sampled_from([0, 2, 3, 4, 6]) | st.integers(0, 255),
    data=st.binary(max_size=200),
    conversion=CONVERSIONS,
)
@example(width=12_000, height=8_000, depth=1, colour=0, data=bytes(12_008_000), conversion=Conversion(1, (8, 8)))
@example(width=7_000, height=7_000, depth=16, colour=6, data=b"", conversion=Conversion(1, (8, 8)))
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_any_png(
    width: int, height: int, depth: int, colour: int, data: bytes, conversion: Conversion, tally: Tally
) -> None:
    content = png(width, height, depth, colour, data)
    tally.attempt(lambda: check(content, conversion), (ImageError,))
