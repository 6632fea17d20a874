"""Encoded PNG or JPEG files to pixels of one shape, the same for every mode that those formats know."""

import hashlib
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import PIL
from PIL import Image

MAX_PIXELS = 50_000_000
"""A larger image is refused from its header, before memory is taken for its pixels."""


ORIENTATION = 0x0112
"""EXIF tag."""
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What makes an image upright, by the value of that tag; any other value is none."""


class ImageError(ValueError):
    """An image that cannot be used; the message is the reason."""


def decode(encoded: bytes, channels: int, size: tuple[int, int]) -> tuple[bytes, tuple[int, int]]:
    """Return the pixels of an encoded image, C * H * W bytes, and its own (height, width).

    The steps, in this order: EXIF orientation is applied (JPEG); transparent pixels are composed on black; 16-bit
    gray is divided by 257 and rounded; colours become gray by ITU-R 601 luma (Pillow's `L`) or stay RGB; an image of
    another size is resized to `size` (height, width) by Pillow's BILINEAR, which averages all pixels covered when it
    shrinks; the aspect ratio is not kept.

    Raises:
        ImageError: not a PNG or JPEG, truncated, broken, or larger than `MAX_PIXELS`.
    """
    try:
        image = _load(encoded)
    except ImageError:
        raise
    except Exception as error:  # Pillow documents no closed set: SyntaxError, struct.error, ... on hostile files
        raise ImageError(f"broken ({error})") from None
    own_size = image.height, image.width
    image = _opaque(image).convert("L" if channels == 1 else "RGB")
    if own_size != size:
        image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
    if channels == 1:
        return image.tobytes(), own_size
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)).tobytes(), own_size


def decoder_id() -> str:
    """Return what pixels depend on besides the file and the parameters: this module's text and Pillow's version."""
    return hashlib.sha256(Path(__file__).read_bytes() + PIL.__version__.encode()).hexdigest()


def _load(encoded: bytes) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(encoded), formats=("PNG", "JPEG"))
    except PIL.UnidentifiedImageError:
        raise ImageError("not a PNG or JPEG") from None
    if image.width * image.height > MAX_PIXELS:
        raise ImageError(f"{image.width} x {image.height} pixels: at most {MAX_PIXELS:,} are read")
    if image.format == "PNG":
        _check_png(encoded)
    image.load()
    return _upright(image) if image.format == "JPEG" else image


def _upright(image: Image.Image) -> Image.Image:
    """Apply the orientation of an image; broken metadata are no reason to refuse pixels that every viewer shows."""
    try:
        orientation = image.getexif().get(ORIENTATION)
    except Exception:  # Of hostile metadata Pillow raises SyntaxError, struct.error, ...
        return image
    return image.transpose(UPRIGHT[orientation]) if orientation in UPRIGHT else image


def _check_png(encoded: bytes) -> None:
    """Compare the CRC of each chunk: Pillow skips that of pixel data, so a flipped bit could pass as another image.

    What follows the last chunk is not looked at.
    """
    position = 8
    while position + 12 <= len(encoded):
        (length,) = struct.unpack_from(">I", encoded, position)
        end = position + 8 + length
        if zlib.crc32(encoded[position + 4 : end]) != int.from_bytes(encoded[end : end + 4], "big"):
            raise ImageError(f"broken (checksum of chunk {encoded[position + 4 : position + 8]!r})")
        if encoded[position + 4 : position + 8] == b"IEND":
            return
        position = end + 4


def _opaque(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):
        return Image.fromarray(((np.asarray(image).astype(np.uint32) + 128) // 257).astype(np.uint8))
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode in ("CMYK", "P") else image
    image = image if image.mode == "RGBA" else image.convert("RGBA")
    if image.getchannel("A").getextrema() == (255, 255):
        return image
    return Image.alpha_composite(Image.new("RGBA", image.size, (0, 0, 0, 255)), image)
