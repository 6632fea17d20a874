"""An .npz of images and labels, such as Keras's `mnist.npz` and the files of MedMNIST; pickles are never read."""

import zipfile
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from regbench.config.data import Data
from regbench.data.layouts.listing import SPLIT_OF, Listing, concat, make_rows
from regbench.data.sources.packed import PackedSource, Pixels, Spool, are_images
from regbench.data.sources.source import Source
from regbench.data.sources.zip import BROKEN
from regbench.errors import InputError, reason_of
from regbench.files import NPY_ERRORS

LAYOUT = "npz"
IMAGES = ("x", "images", "image", "data", "imgs", "arr_0")
LABELS = ("y", "labels", "label", "target", "targets", "arr_1")


def read_npz(source: Source, data: Data) -> Listing | None:
    """Read the one .npz of a source: arrays called `images` and `labels`, or `x` and `y`, with a split before or after.

    Images are bytes, (N, H, W) or (N, H, W, C) with C of 1, 3 or 4, labels (N,) or (N, 1). None where there is no .npz.

    Raises:
        InputError: several files, or arrays of other names, types or shapes, or pickled ones.
    """
    names = sorted(name for name in source.names() if name.lower().endswith(".npz"))
    if not names:
        return None
    if len(names) > 1:
        raise InputError(f"{source.path}: several .npz ({', '.join(names[:3])}): give one of them as data.raw")
    where = str(source.path) if source.path.name == names[0] else f"{source.path}: {names[0]}"
    packed, parts = {}, []
    try:
        with source.open(names[0]) as file, zipfile.ZipFile(file) as archive:
            roles = _roles(where, [name.removesuffix(".npy") for name in archive.namelist()])
            for split, (images, labels) in roles.items():
                part = split or "images"
                pixels = _pixels(where, images, read_npy(archive, images))
                answers = _labels(where, labels, read_npy(archive, labels), len(pixels)) if labels else []
                packed[part] = Pixels(pixels)
                rows = [f"{part}/{number}.png" for number in range(len(pixels))]
                given = split if len([pair for pair in roles.values() if pair[1]]) > 1 else ""
                parts.append(make_rows(rows, labels=answers or "", split=given))
    except (*BROKEN, OSError, KeyError, RuntimeError) as error:
        raise InputError(
            f"{where}: not a readable .npz ({reason_of(error)}): write it again with numpy.savez"
        ) from None
    return Listing(LAYOUT, concat(parts), PackedSource(source.path, packed))


def read_npy(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Return a member of an .npz, in a temporary file and not in memory; ValueError for a pickle."""
    with archive.open(f"{name}.npy") as file:
        version = npy.read_magic(file)
        try:
            header = npy.read_array_header_1_0(file) if version == (1, 0) else npy.read_array_header_2_0(file)
        except NPY_ERRORS as error:
            raise ValueError(reason_of(error)) from None
        shape, fortran, dtype = header
        if dtype.hasobject:
            raise ValueError(f"{name} holds Python objects, which only a pickle could read")
        spool = Spool()
        spool.copy(file)
    array = spool.array(dtype, shape[::-1] if fortran else shape)
    return array.T if fortran else array


def _roles(where: str, arrays: list[str]) -> dict[str, tuple[str, str]]:
    """Return split -> arrays of images and labels, "" where there are no labels."""
    found: dict[str, dict[str, str]] = {}
    for name in arrays:
        words = name.lower().split("_") if name.lower() not in (*IMAGES, *LABELS) else [name.lower()]
        splits = [SPLIT_OF[word] for word in words if word in SPLIT_OF]
        rest = "_".join(word for word in words if word not in SPLIT_OF)
        for kind, usual in (("images", IMAGES), ("labels", LABELS)):
            if rest in usual:
                found.setdefault(splits[0] if splits else "", {}).setdefault(kind, name)
    roles = {split: (pair["images"], pair.get("labels", "")) for split, pair in found.items() if "images" in pair}
    if not any(labels for _, labels in roles.values()):
        raise InputError(
            f"{where}: arrays = {', '.join(arrays[:8])}: must be images and labels, or x_train and y_train: rename them"
        )
    order = ("", "train", "validation", "test")
    return dict(sorted(roles.items(), key=lambda item: (not item[1][1], order.index(item[0]))))


def _pixels(where: str, name: str, array: NDArray[Any]) -> NDArray[np.uint8]:
    if not are_images(array.shape):
        raise InputError(
            f"{where}: {name}: shape = {array.shape}: must be (N, height, width) or (N, height, width, 1, 3 or 4): "
            "reshape it"
        )
    if array.dtype == np.uint8:
        return array
    whole = np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_
    if not whole or (array.size and (array.min() < 0 or array.max() > 255)):
        raise InputError(
            f"{where}: {name}: type = {array.dtype}: must be whole numbers of 0 to 255: convert it to uint8"
        )
    return array.astype(np.uint8)


def _labels(where: str, name: str, array: NDArray[Any], images: int) -> list[str]:
    flat = array.reshape(len(array), -1)
    if len(flat) != images or flat.shape[1:] != (1,):
        raise InputError(f"{where}: {name}: shape = {array.shape}: must be ({images},), a label an image: reshape it")
    if np.issubdtype(array.dtype, np.floating) and (flat != np.floor(flat)).any():
        raise InputError(f"{where}: {name}: type = {array.dtype}: must be whole numbers or text: convert it")
    values = flat[:, 0].astype(np.int64) if np.issubdtype(array.dtype, np.floating) else flat[:, 0]
    return [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.tolist()]
