"""Decides which split each labelled image is in."""

import hashlib

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from regbench.config.data import Split
from regbench.data.dataset import SPLITS, SplitName
from regbench.data.messages import join_lines
from regbench.errors import InputError

Names = NDArray[np.object_]
PART = 20_000
"""Images whose hashes are read at a time."""


def assign_splits(rows: pd.DataFrame, split: Split) -> Names:
    """Return the name of the split of each labelled image, in the given order.

    `rows` has hash (of the pixels), split (the given one, "" for none), group ("" for none) and filename.

    `hash`: the first 64 bits of a hash are a number u in [0, 1); test if u < test, validation if u < test + validation,
    else train. The hash is that of the group, or of the pixels where there is none. So an image never changes its split
    as data grows, equal images stay together, and another fraction of validation leaves the test images as they are.
    `given`: as given; a missing validation or test split comes out of the train images by hash.
    `as_listed`: the last `round(N * validation)` images are validation, those before are train.

    >>> hashes = [hashlib.sha256(bytes([number])).hexdigest() for number in range(200)]
    >>> rows = pd.DataFrame({"hash": hashes, "split": "", "group": "", "filename": hashes})
    >>> names = assign_splits(rows, Split(validation=0.1, test=0.2))
    >>> {name: int((names == name).sum()) for name in SPLITS[:3]}
    {'train': 137, 'validation': 25, 'test': 38}
    >>> bool((assign_splits(rows[:100], Split(validation=0.1, test=0.2)) == names[:100]).all())
    True

    Raises:
        InputError: a split that should hold images is empty, `given` without given splits, or equal images or images of
            one group in several splits where `overlap` refuses them.
    """
    given = (rows["split"] != "").any()
    method = split.method if split.method != "auto" else "given" if given else "hash"
    if method == "as_listed":
        validation = round(len(rows) * split.validation)
        names = np.repeat(np.array(SPLITS[:2], dtype=object), [len(rows) - validation, validation])
    elif method == "given":
        names = _settle_overlap(rows, _given(rows, split), split)
    else:
        names = _by_hash(rows, split.validation, split.test)
        # Without groups, equal images are together already.
        names = _settle_overlap(rows, names, split) if (rows["group"] != "").any() else names
    _refuse_empty(names, split, method)
    return names


def _by_hash(rows: pd.DataFrame, validation: float, test: float) -> Names:
    keys = _keys(rows)
    # In parts: all hashes as Python's text would take a hundred bytes per image.
    parts = [keys.iloc[start : start + PART].str.slice(0, 16).str.cat() for start in range(0, len(keys), PART)]
    first_bits = np.frombuffer(bytes.fromhex("".join(parts)), dtype=">u8")
    u = first_bits.astype(np.float64) / 2.0**64
    names = np.full(len(u), "train", dtype=object)
    names[u < test + validation] = "validation"
    names[u < test] = "test"
    return names


def _keys(rows: pd.DataFrame) -> "pd.Series[str]":
    """Return the hash that decides of each image."""
    grouped = rows["group"] != ""
    if not grouped.any():
        return rows["hash"]
    digests = {group: hashlib.sha256(group.encode()).hexdigest() for group in rows["group"][grouped].unique()}
    return rows["hash"].where(~grouped, rows["group"].map(digests))


def _given(rows: pd.DataFrame, split: Split) -> Names:
    names = rows["split"].to_numpy(dtype=object).copy()
    if missing := int((names == "").sum()):
        raise InputError(
            f"params.yaml: data.split.method = {split.method}: {missing:,} of {len(rows):,} labelled images have no "
            "given split: give each one, or set hash"
        )
    absent = {name: not (names == name).any() for name in ("validation", "test")}
    train = names == "train"
    validation, test = (
        share * absent[name] for name, share in (("validation", split.validation), ("test", split.test))
    )
    names[train] = _by_hash(rows[train], validation, test)
    return names


def _settle_overlap(rows: pd.DataFrame, names: Names, split: Split) -> Names:
    """Refuse units, equal images or groups, that are in several splits, or move each to one of them.

    A moved image may take another group with it, so this is repeated until no unit is divided.
    """
    divided = [_divided_units(rows, names, column) for column in ("hash", "group")]
    while any(len(units) for units in divided):
        column = "hash" if len(divided[0]) else "group"
        units = divided[0] if len(divided[0]) else divided[1]
        if split.overlap == "refuse":
            raise InputError(_overlap_message(rows.iloc[units.index], units, column))
        # "test" < "train" < "validation": of the two that are held out, test comes first.
        held_out = units[units["split"] != "train"].groupby("unit")["split"].min()
        names[units.index] = "train" if split.overlap == "train" else held_out[units["unit"]].to_numpy()
        divided = [_divided_units(rows, names, column) for column in ("hash", "group")]
    return names


def _divided_units(rows: pd.DataFrame, names: Names, column: str) -> pd.DataFrame:
    """Return unit and split of each image of a unit in several splits; an image without a group is its own."""
    units = pd.DataFrame({"unit": rows[column].where(rows[column] != "", rows["hash"]).to_numpy(), "split": names})
    return units[units.groupby("unit")["split"].transform("nunique") > 1]


def _overlap_message(rows: pd.DataFrame, table: pd.DataFrame, column: str) -> str:
    what = "equal images" if column == "hash" else "images of one group"
    units = table.assign(filename=rows["filename"].to_numpy(), name=rows[column].to_numpy()).groupby("unit", sort=False)
    lines = []
    for _, unit in units:
        first = unit.drop_duplicates("split")
        places = ", ".join(
            f"{filename} ({split})" for filename, split in zip(first["filename"], first["split"], strict=True)
        )
        lines.append(f"{places}: {'equal' if column == 'hash' else 'group ' + repr(unit['name'].iloc[0])}")
    return (
        f"params.yaml: data.split.overlap = refuse: {units.ngroups:,} times {what} in several splits: remove copies, "
        f"or set train or test to move them there\n{join_lines(lines)}"
    )


def _refuse_empty(names: Names, split: Split, method: str) -> None:
    expected: dict[SplitName, float] = {"train": 1.0, "validation": split.validation, "test": split.test}
    for name, fraction in expected.items():
        if fraction > 0 and not (names == name).any() and not (method == "as_listed" and name == "test"):
            raise InputError(
                f"params.yaml: data.split.{name}: none of {len(names):,} images falls into {name}: "
                "every split needs one: add images or change the fractions"
            )
