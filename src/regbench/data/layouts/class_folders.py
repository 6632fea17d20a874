"""One folder per class, as in torchvision's ImageFolder, Keras, Hugging Face and timm, also below split folders."""

from collections import Counter

from regbench.config.data import Data
from regbench.data.layouts.listing import SPLIT_OF, Listing, common_folder, concat, is_image, make_rows
from regbench.data.sources.source import Source

LAYOUT = "class_folders"


def read_class_folders(source: Source, data: Data) -> Listing | None:
    """Read `CLASS/...` or `SPLIT/CLASS/...`, below any folders that hold everything; rows by split, class and name.

    The class is the first folder below the split, as in ImageFolder; files below it may be in folders of their
    own. In a folder called as a split, images outside a class are unlabelled ones; others are not read and counted.
    None where there are fewer than two classes.
    """
    images = sorted(filter(is_image, source.names()))
    top = len(common_folder(images))
    split_of = _splits(images, top)
    labelled: dict[str, list[str]] = {}
    unlabelled, outside = [], 0
    for name in images:
        first, _, rest = name[top:].partition("/")
        split = split_of.get(first, "")
        inside = rest if split else name[top:]
        if "/" in inside:
            labelled.setdefault(split, []).append(name)
        elif split:
            unlabelled.append(name)
        else:
            outside += 1
    classes = {name[top:].split("/")[1 if split else 0] for split, names in labelled.items() for name in names}
    if len(classes) < 2:
        return None
    parts = []
    for split in ("", "train", "validation", "test"):
        if names := labelled.get(split):
            depth = 1 if split else 0
            parts.append(
                make_rows(
                    names,
                    filenames=[name[top:] for name in names],
                    labels=[name[top:].split("/")[depth] for name in names],
                    split=split,
                )
            )
    if unlabelled:
        parts.append(make_rows(unlabelled, filenames=[name[top:] for name in unlabelled]))
    notes = (f"{outside:,} images outside the folders of the classes are not read",) if outside else ()
    return Listing(LAYOUT, concat(parts), source, notes)


def _splits(images: list[str], top: int) -> dict[str, str]:
    """Return folder -> split where all folders at the top are called as splits and hold folders of classes."""
    folders = Counter(name[top:].partition("/")[0] for name in images if "/" in name[top:])
    found = {folder: SPLIT_OF[folder.lower()] for folder in folders if folder.lower() in SPLIT_OF}
    nested = any(name[top:].count("/") >= 2 for name in images)
    return dict(found) if nested and len(found) == len(folders) else {}
