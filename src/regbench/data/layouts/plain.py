"""Images without labels, for prediction."""

from regbench.config.data import Data
from regbench.data.layouts.listing import Listing, common_folder, is_image, make_rows
from regbench.data.sources.source import Source

LAYOUT = "images"


def read_images(source: Source, data: Data) -> Listing | None:
    """Read all image files as unlabelled ones, in the order of their names; None where there are none."""
    images = sorted(filter(is_image, source.names()))
    top = len(common_folder(images))
    return Listing(LAYOUT, make_rows(images, filenames=[name[top:] for name in images]), source) if images else None
