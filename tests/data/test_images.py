"""Every mode of PNG and JPEG to the exact pixels that `decode` documents."""

import io
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps

from regbench.data import images
from regbench.data.images import Conversion, ImageError
from regbench.data.images import decode as decode_to

GRAY = np.arange(0, 256, 4, dtype=np.uint8).reshape(8, 8)


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def decode(encoded: bytes, channels: int, size: tuple[int, int], **settings: Any) -> tuple[bytes, tuple[int, int]]:
    return decode_to(encoded, Conversion(channels, size, **settings))


def pixels(encoded: bytes, channels: int = 1, size: tuple[int, int] = (8, 8), **settings: Any) -> NDArray[np.uint8]:
    return np.frombuffer(decode(encoded, channels, size, **settings)[0], dtype=np.uint8).reshape(channels, *size)


def gray(mode: str) -> Image.Image:
    image = Image.fromarray(GRAY)
    if mode == "I;16":
        return Image.fromarray(GRAY.astype(np.uint16) * 257)
    if mode == "P":
        image.putpalette([255 - value // 3 for value in range(768)])  # index i shows gray 255 - i
        return image
    return image.convert(mode)


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("L", GRAY),
        ("LA", GRAY),
        ("RGB", GRAY),
        ("RGBA", GRAY),
        ("P", 255 - GRAY),
        ("I;16", GRAY),
    ],
)
def test_gray_pictures_keep_their_pixels_in_every_mode(mode: str, expected: NDArray[np.uint8]) -> None:
    encoded = encode(gray(mode))
    np.testing.assert_array_equal(pixels(encoded)[0], expected)
    np.testing.assert_array_equal(pixels(encoded, channels=3), np.stack([expected] * 3))


def test_one_bit_pictures_become_black_and_white() -> None:
    bits = GRAY > 100
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(bits)))[0], bits * np.uint8(255))


def test_sixteen_bits_are_divided_by_257_and_rounded() -> None:
    deep = np.array([[0, 128, 129, 65535, 385, 386, 257, 65406]] * 8, dtype=np.uint16)
    expected = np.rint(deep[0] / 257)
    np.testing.assert_array_equal(pixels(encode(Image.fromarray(deep)))[0][0], expected)


def test_channels_come_first_and_colours_become_gray_by_luma() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    encoded = encode(Image.fromarray(colours))
    np.testing.assert_array_equal(pixels(encoded, channels=3), colours.transpose(2, 0, 1))
    luma = colours @ np.array([0.299, 0.587, 0.114])
    assert np.abs(pixels(encoded)[0] - luma).max() <= 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
@pytest.mark.parametrize(("background", "ground"), [("auto", 0), ("black", 0), ("white", 255)])
def test_transparent_pixels_are_composed_on_the_background(mode: str, background: str, ground: int) -> None:
    image = Image.fromarray(np.full((8, 8), 200, dtype=np.uint8)).convert(mode)
    alpha = np.full((8, 8), 255, dtype=np.uint8)
    alpha[0, 0], alpha[0, 1] = 0, 51  # 51 is a fifth of 255
    image.putalpha(Image.fromarray(alpha))
    result = pixels(encode(image), background=background)[0]
    assert (result[0, 0], result[0, 1], result[0, 2]) == (ground, 40 + ground * 4 // 5, 200)


def ink(gray: int) -> bytes:
    """Return an image of one opaque pixel of ink on a transparent ground."""
    image = Image.new("RGBA", (8, 8), (gray, gray, gray, 0))
    image.putpixel((3, 3), (gray, gray, gray, 255))
    return encode(image)


def test_ink_on_a_transparent_ground_keeps_its_contrast() -> None:
    for gray, ground in ((0, 255), (100, 255), (150, 0), (255, 0)):
        result = pixels(ink(gray))[0]
        assert (result[3, 3], result[0, 0]) == (gray, ground)
    assert pixels(ink(0), background="black").max() == 0, "as asked for"


def test_padding_and_cropping_keep_the_shape_of_what_is_shown() -> None:
    half = np.repeat(np.array([[10, 10, 10, 10, 240, 240, 240, 240]] * 4, dtype=np.uint8), 2, axis=1)
    wide = encode(Image.fromarray(half))  # 4 x 16
    padded = pixels(wide, size=(8, 8), resize="pad", background="black")[0]
    assert padded[:3].max() == 0 and padded[5:].max() == 0 and padded[3, 0] == 10 and padded[3, 7] == 240
    cropped = pixels(wide, size=(4, 4), resize="crop")[0]
    np.testing.assert_array_equal(cropped, [[10, 10, 240, 240]] * 4)
    for edge, ground in ((250, 255), (20, 0)):
        assert pixels(encode(Image.new("L", (4, 8), edge)), resize="pad")[0, 0].tolist() == [
            ground,
            ground,
            edge,
            edge,
            edge,
            edge,
            ground,
            ground,
        ], "on a ground like its edge"


def test_a_palette_with_a_transparent_colour_is_composed_on_the_background() -> None:
    encoded = encode(gray("P"), transparency=0)
    result = pixels(encoded, background="black")
    assert (result[0, 0, 0], result[0, 0, 1]) == (0, 251)


def test_cmyk_and_gray_jpeg_are_read() -> None:
    flat = Image.new("CMYK", (8, 8), (0, 0, 0, 155))
    assert np.abs(pixels(encode(flat, "JPEG", quality=100)).astype(int) - 100).max() <= 2
    assert np.abs(pixels(encode(Image.fromarray(GRAY), "JPEG", quality=100))[0].astype(int) - GRAY).max() <= 3


def test_exif_orientation_is_applied_before_the_size_is_compared() -> None:
    image = Image.fromarray(np.repeat(np.array([[250] * 8, [5] * 8], dtype=np.uint8), 8, axis=0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn clockwise by 90 degrees to show
    decoded, size = decode(encode(image, "JPEG", exif=exif, quality=95), 1, (8, 16))
    assert size == (8, 16)
    turned = np.frombuffer(decoded, dtype=np.uint8).reshape(8, 16)
    assert turned[:, :4].max() < 60
    assert turned[:, -4:].min() > 200


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_is_that_of_pillow(orientation: int) -> None:
    random = np.random.default_rng(1).integers(0, 256, (16, 8), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    encoded = encode(Image.fromarray(random), "JPEG", exif=exif, quality=100)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded)))
    decoded, _ = decode(encoded, 1, (expected.height, expected.width))
    assert decoded == expected.tobytes()


@pytest.mark.fault
@pytest.mark.parametrize(
    "exif",
    [
        # The tag 0x011A (a resolution) as text, an orientation that does not exist, and no TIFF at all.
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x1a\0\x02\0\0\0\x04abc\0\0\0\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x63\0\0\0\0\0\0",
        b"Exif\0\0XX\0\0",
        b"Exif\0\0MM\0*\0\0\0\x08\xff\xff",
    ],
)
def test_broken_metadata_do_not_refuse_pixels(exif: bytes) -> None:
    plain = encode(Image.fromarray(GRAY), "JPEG", quality=95)
    assert decode(encode(Image.fromarray(GRAY), "JPEG", quality=95, exif=exif), 1, GRAY.shape) == decode(
        plain, 1, GRAY.shape
    )


def test_what_follows_the_end_of_a_png_is_not_looked_at() -> None:
    encoded = encode(Image.fromarray(GRAY))
    assert decode(encoded + b"twelve bytes", 1, GRAY.shape) == decode(encoded, 1, GRAY.shape)


def test_another_size_is_resized_and_averages_when_it_shrinks() -> None:
    flat = encode(Image.new("L", (32, 16), 77))
    decoded, size = decode(flat, 1, (8, 8))
    assert size == (16, 32)
    assert decoded == bytes([77]) * 64
    checkers = (np.indices((64, 64)).sum(axis=0) % 2 * 255).astype(np.uint8)
    assert np.abs(pixels(encode(Image.fromarray(checkers))).astype(int)[0, 1:-1, 1:-1] - 128).max() <= 3


@pytest.mark.fault
def test_every_flipped_bit_is_refused_or_harmless() -> None:
    encoded = encode(gray("RGBA"))
    expected = decode(encoded, 1, (8, 8))
    refused = 0
    for position in range(len(encoded) * 8):
        damaged = bytearray(encoded)
        damaged[position // 8] ^= 1 << position % 8
        try:
            # Pillow alone lets some through as other pictures, which is why chunk checksums are compared.
            assert decode(bytes(damaged), 1, (8, 8)) == expected
        except ImageError:
            refused += 1
    assert refused > 0.9 * len(encoded) * 8


@pytest.mark.fault
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_pictures_are_refused(share: float) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8))
    for kind in ("PNG", "JPEG"):
        encoded = encode(image, kind)
        with pytest.raises(ImageError, match=r"broken|no image that can be read"):
            decode(encoded[: int(len(encoded) * share)], 1, (64, 64))


@pytest.mark.fault
@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n"])
def test_other_files_are_refused(content: bytes) -> None:
    with pytest.raises(ImageError, match=r"no image that can be read|broken"):
        decode(content, 1, (8, 8))


@pytest.mark.parametrize("kind", ["BMP", "GIF", "WEBP", "TIFF", "PPM"])
def test_lossless_formats_keep_their_pixels_whatever_their_name(kind: str) -> None:
    colours = np.random.default_rng(0).integers(0, 2, (8, 8, 3), dtype=np.uint8) * 255
    encoded = encode(Image.fromarray(colours), kind, **({"lossless": True} if kind == "WEBP" else {}))
    np.testing.assert_array_equal(pixels(encoded, channels=3), colours.transpose(2, 0, 1))


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.fromarray(np.full((8, 8), level, dtype=np.uint8)) for level in (255, 0)]
    for kind in ("GIF", "TIFF", "WEBP"):
        assert pixels(encode(frames[0], kind, save_all=True, append_images=frames[1:])).min() == 255


@pytest.mark.fault
def test_deep_tiff_is_read_and_pixels_of_unknown_range_are_refused() -> None:
    deep = Image.fromarray(GRAY.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pixels(encode(deep, "TIFF"))[0], GRAY)
    for array in (GRAY.astype(np.float32), GRAY.astype(np.int32) * 100_000):
        with pytest.raises(
            ImageError, match="32-bit pixels, whose black and white are not known: save it with 8 or 16"
        ):
            pixels(encode(Image.fromarray(array), "TIFF"))


@pytest.mark.parametrize("kind", ["TIFF", "WEBP", "PNG"])
def test_every_format_is_shown_upright(kind: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    options = {"lossless": True} if kind == "WEBP" else {}
    encoded = encode(Image.fromarray(np.triu(np.full((8, 8), 255, dtype=np.uint8))), kind, exif=exif, **options)
    expected = ImageOps.exif_transpose(Image.open(io.BytesIO(encoded))).convert("L")
    assert decode(encoded, 1, (8, 8))[0] == expected.tobytes()


def bomb(side: int, channels: int = 1, bits: int = 8) -> bytes:
    """Return a small PNG of side x side black, transparent pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    deflate, row = zlib.compressobj(9), bytes(1 + side * channels * bits // 8)
    rows = b"".join(deflate.compress(row) for _ in range(side)) + deflate.flush()
    header = struct.pack(">IIBBBBB", side, side, bits, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def decode_in_a_child(path: Path, channels: int = 1) -> tuple[str, int]:
    """Return what `decode` says of a file, and the memory that it took, 10^3 bytes."""
    script = (
        "import pathlib, resource, sys\n"
        "from regbench.data.images import Conversion, ImageError, decode\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    pixels, size = decode(pathlib.Path(sys.argv[1]).read_bytes(), Conversion(int(sys.argv[2]), (8, 8)))\n"
        "    print(size, len(pixels))\n"
        "except ImageError as error:\n    print(error)\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", script, str(path), str(channels)]
    source = str(Path(__file__).resolve().parents[2] / "src")
    done = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": source}, timeout=300)
    message, kilobytes = done.stdout.splitlines()
    return message, int(kilobytes)


@pytest.mark.fault
def test_a_large_animated_webp_is_refused_earlier_since_its_decoder_needs_several_canvases() -> None:
    frames = [Image.fromarray(np.full((8, 8), level, dtype=np.uint8)) for level in (255, 0)]
    encoded = bytearray(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:]))
    assert encoded[12:16] == b"VP8X"
    encoded[24:30] = (4_999).to_bytes(3, "little") + (2_500).to_bytes(3, "little")  # width and height, less 1
    refused = "5000 x 2501 pixels of an animated WebP: at most 12,500,000 are read: shrink it"
    with pytest.raises(ImageError, match=f"^{refused}$"):
        pixels(bytes(encoded))
    encoded[27:30] = (2_499).to_bytes(3, "little")
    assert pixels(bytes(encoded)).shape == pixels(encode(frames[0], "WEBP")).shape


@pytest.mark.fault
@pytest.mark.parametrize(("side", "size"), [(9_798, "9798 x 9798"), (20_000, "too many")])
def test_a_decompression_bomb_is_refused_without_taking_memory(side: int, size: str, tmp_path: Path) -> None:
    """96 and 400 million pixels: below and above Pillow's own limits."""
    (tmp_path / "bomb.png").write_bytes(bomb(side))
    message, kilobytes = decode_in_a_child(tmp_path / "bomb.png")
    assert message == f"{size} pixels: at most 50,000,000 are read: shrink it"
    assert kilobytes < 20_000


@pytest.mark.fault
@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("colours", [2, 4])
def test_the_largest_transparent_image_takes_eight_bytes_a_pixel_and_no_more(
    tmp_path: Path, colours: int, bits: int
) -> None:
    """Half a megabyte of file; its copies took 1.2 GB, in each process that decodes."""
    side = 7_070
    (tmp_path / "large.png").write_bytes(bomb(side, colours, bits))
    message, kilobytes = decode_in_a_child(tmp_path / "large.png", channels=3)
    assert message == f"({side}, {side}) 192"
    assert kilobytes * 1024 < 8 * side**2 + 40e6


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("channels", [1, 3])
def test_bands_give_the_pixels_of_the_whole(monkeypatch: pytest.MonkeyPatch, mode: str, channels: int) -> None:
    """Dark above and light below: the background that contrasts is that of the whole image."""
    random = np.random.default_rng(0)
    if mode == "I;16":
        image = Image.fromarray(random.integers(0, 65536, (40, 24), dtype=np.uint16))
    else:
        noise = random.integers(0, 256, (40, 24, 4), dtype=np.uint8)
        noise[:30, :, :3] //= 8
        image = Image.fromarray(noise).convert("RGB" if mode == "CMYK" else mode).convert(mode)
    more = {"transparency": 3} if mode == "P" else {}
    encoded = encode(image, "TIFF" if mode == "CMYK" else "PNG", **more)
    whole = [pixels(encoded, channels, size, resize="pad") for size in ((40, 24), (24, 40), (7, 5))]
    monkeypatch.setattr(images, "BAND", 24 * 7)
    banded = [pixels(encoded, channels, size, resize="pad") for size in ((40, 24), (24, 40), (7, 5))]
    for expected, found in zip(whole, banded, strict=True):
        np.testing.assert_array_equal(found, expected)
