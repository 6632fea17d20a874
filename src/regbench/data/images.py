"""Decodes image files to pixels of one shape, whatever mode their format uses."""

import hashlib
import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import PIL
from PIL import Image, ImageOps

from regbench.config.data import Data

FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""What Pillow decodes without other programs; told by content, not by name."""
GROUNDS = {"black": (0, 0, 0), "white": (255, 255, 255)}
MAX_PIXELS = 50_000_000
"""A larger image is refused from its header, before memory is taken for its pixels."""
CANVASES = 4
"""An animated WebP takes the memory of so many images: libwebp puts its frames together on canvases of its own."""
BAND = 1_000_000
"""Pixels that are converted at a time: a whole image of `MAX_PIXELS` would take a gigabyte of copies of itself."""

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


@dataclass(frozen=True)
class Conversion:
    """What images are brought to; the fields of the section `data`."""

    channels: int
    size: tuple[int, int]
    """Height and width, pixels."""
    resize: Literal["stretch", "pad", "crop"] = "stretch"
    background: Literal["auto", "black", "white"] = "auto"

    @staticmethod
    def of(data: Data) -> "Conversion":
        """Return what the section `data` asks for."""
        return Conversion(data.channels, data.image_size, data.resize, data.background)


def decode(encoded: bytes, conversion: Conversion) -> tuple[bytes, tuple[int, int]]:
    """Return the pixels of an encoded image, C * H * W bytes, and its own (height, width).

    The steps, in this order: EXIF orientation is applied; transparent pixels are composed on the background; 16-bit
    gray is divided by 257 and rounded; colours become gray by ITU-R 601 luma (Pillow's `L`) or stay RGB; an image of
    another size is resized by Pillow's BILINEAR, which averages all pixels covered when it shrinks. Of several frames
    the first is taken.

    Raises:
        ImageError: none of `FORMATS`, truncated, broken, of 32-bit pixels, or larger than `MAX_PIXELS` (an animated
            WebP: than a quarter of that).
    """
    try:
        image = _load(encoded)
    except ImageError:
        raise
    except Exception as error:  # Pillow documents no closed set: SyntaxError, struct.error, ... on hostile files
        raise ImageError(f"broken ({error})") from None
    orientation = _orientation(image)
    image = _converted(image, "L" if conversion.channels == 1 else "RGB", conversion.background)
    if orientation in UPRIGHT:
        image = image.transpose(UPRIGHT[orientation])
    own_size = image.height, image.width
    if own_size != conversion.size:
        image = _resized(image, conversion)
    if conversion.channels == 1:
        return image.tobytes(), own_size
    return np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)).tobytes(), own_size


def decoder_id() -> str:
    """Return what pixels depend on besides the file and the parameters: this module's text and Pillow's version."""
    return hashlib.sha256(Path(__file__).read_bytes() + PIL.__version__.encode()).hexdigest()


def _load(encoded: bytes) -> Image.Image:
    try:
        image: Image.Image = Image.open(io.BytesIO(encoded), formats=FORMATS)
    except PIL.UnidentifiedImageError:
        raise ImageError(f"no image that can be read ({', '.join(FORMATS)}): replace it") from None
    except Image.DecompressionBombError:  # Pillow's own limit, which is higher, comes first.
        raise ImageError(f"too many pixels: at most {MAX_PIXELS:,} are read: shrink it") from None
    animated = image.format == "WEBP" and getattr(image, "is_animated", False)
    most, what = (MAX_PIXELS // CANVASES, " of an animated WebP") if animated else (MAX_PIXELS, "")
    if image.width * image.height > most:
        raise ImageError(f"{image.width} x {image.height} pixels{what}: at most {most:,} are read: shrink it")
    if image.format == "PNG":
        _check_png(encoded)
    image.load()
    return image


def _orientation(image: Image.Image) -> object:
    """Return the orientation of an image; broken metadata are no reason to refuse pixels that every viewer shows."""
    try:
        return image.getexif().get(ORIENTATION) if "exif" in image.info else None
    except Exception:  # Of hostile metadata Pillow raises SyntaxError, struct.error, ...
        return None


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


def _converted(image: Image.Image, mode: str, background: str) -> Image.Image:
    """Return an image in a mode without transparency, `L` or `RGB`, converted band by band."""
    if image.mode == mode and not image.has_transparency_data:
        return image
    ground = GROUNDS.get(background) or (_contrast(image) if image.has_transparency_data else GROUNDS["black"])
    found = Image.new(mode, image.size)
    for top, band in _bands(image):
        found.paste(_opaque(band, ground).convert(mode), (0, top))
    return found


def _bands(image: Image.Image) -> Iterator[tuple[int, Image.Image]]:
    """Yield the bands of an image, about `BAND` pixels each, with the row that each begins in."""
    rows = max(1, BAND // image.width)
    for top in range(0, image.height, rows):
        yield top, image.crop((0, top, image.width, min(top + rows, image.height)))


def _opaque(image: Image.Image, ground: tuple[int, int, int]) -> Image.Image:
    """Return an image without transparency, of a mode that converts to gray and RGB as it should."""
    if image.mode.startswith(("I", "F")):
        return _eight_bits(image)
    if not image.has_transparency_data:
        return image.convert("RGB") if image.mode in ("CMYK", "P") else image
    return Image.alpha_composite(Image.new("RGBA", image.size, (*ground, 255)), image.convert("RGBA"))


def _eight_bits(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if image.mode == "F" or values.min() < 0 or values.max() > 65535:
        raise ImageError("32-bit pixels, whose black and white are not known: save it with 8 or 16 bits")
    return Image.fromarray(((values.astype(np.uint32) + 128) // 257).astype(np.uint8))


def _contrast(image: Image.Image) -> tuple[int, int, int]:
    """Return black or white, whichever differs more from the visible pixels; black where none is visible."""
    visible = brightness = 0
    for _, band in _bands(image):
        colours = band.convert("RGBA")
        weights = np.asarray(colours.getchannel("A"), dtype=np.int64)
        visible += int(weights.sum())
        brightness += int((np.asarray(colours.convert("L")) * weights).sum())
    return GROUNDS["white" if visible and brightness < 127.5 * visible else "black"]


def _resized(image: Image.Image, conversion: Conversion) -> Image.Image:
    height, width = conversion.size
    if conversion.resize == "stretch":
        return image.resize((width, height), Image.Resampling.BILINEAR)
    if conversion.resize == "crop":
        return ImageOps.fit(image, (width, height), Image.Resampling.BILINEAR)
    ground = GROUNDS[conversion.background] if conversion.background != "auto" else _edge(image)
    colour = ground[0] if image.mode == "L" else ground
    return ImageOps.pad(image, (width, height), Image.Resampling.BILINEAR, colour)


def _edge(image: Image.Image) -> tuple[int, int, int]:
    """Return black or white, whichever is nearer to the pixels at the edge."""
    width, height = image.size
    sides = [(0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height)]
    edge = np.concatenate([np.asarray(image.crop(side).convert("L")).ravel() for side in sides])
    return GROUNDS["white" if edge.mean() > 127.5 else "black"]
