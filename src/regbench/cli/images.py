"""Commands that read or write images."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from regbench.cli.options import FILE, decisions_option, params_option, path_option, raw_argument

if TYPE_CHECKING:  # It imports torchvision.
    from regbench.data.export import OfficialTest


@click.command()
@raw_argument
@path_option("--out", Path("submission.csv"), "CSV to write.")
@click.option("--model", type=FILE, help="Folder of a network, or of a variant's runs; default: the champion.")
@decisions_option
@params_option
def predict(raw: Path, out: Path, model: Path | None, decisions: Path, params: Path) -> None:
    """Label the unlabelled images of RAW.

    RAW is a folder or archive in any layout. If some of its images have labels, only those without are labelled. Writes
    filename,label to --out in the order of RAW, and the probabilities of all classes to a second file beside it.
    """
    from regbench.retraining.labelling import label_images

    labelled = label_images(raw, out, model, params, decisions)
    for line in labelled.left_out:
        click.echo(f"left out: {line}", err=True)
    click.echo(labelled.summary)


@click.command()
@click.argument("images", type=FILE)
@params_option
def inspect(images: Path, params: Path) -> None:
    """Print what regbench finds in IMAGES.

    IMAGES is a folder, an archive or a file in any layout. All images are read and checked as in the stage ingest, with
    the section data of the parameter file. Nothing is written.
    """
    from regbench.config.data import IngestSections
    from regbench.config.loading import load_sections
    from regbench.data.ingest import ingest
    from regbench.data.report import terminal_lines

    data = load_sections(params, IngestSections).data.model_copy(update={"raw": str(images)})
    for line in terminal_lines(ingest(data), data):
        click.echo(line)


@click.command()
@click.argument("images", metavar="IMAGES")
@click.argument("out", type=FILE)
@click.option("--root", type=FILE, help="Folder of a torchvision set's own files, gzipped or not.")
@click.option("--download", is_flag=True, help="Fetch what is missing in --root.")
@click.option("--split", default="balanced", show_default=True, help="Part of EMNIST.")
@click.option(
    "--test",
    type=click.Choice(["labelled", "unlabelled"]),
    default="labelled",
    show_default=True,
    help="torchvision's official test images: labelled rows after the train rows, or unlabelled.",
)
@params_option
def export(
    images: str, out: Path, root: Path | None, download: bool, split: str, test: "OfficialTest", params: Path
) -> None:
    """Write images in the canonical layout.

    OUT is a new folder, or a .zip. IMAGES is a folder or archive in any layout, or with --root one of torchvision's
    sets: MNIST, FashionMNIST, KMNIST, EMNIST, CIFAR10.
    """
    if root is None:
        from regbench.config.data import IngestSections
        from regbench.config.loading import load_sections
        from regbench.data.layouts.recognize import read_listing
        from regbench.data.raw import write_listing
        from regbench.data.sources import open_source

        data = load_sections(params, IngestSections).data
        labelled, unlabelled = write_listing(out, read_listing(open_source(Path(images)), data))
    else:
        from regbench.data.export import NAMES, export

        if images not in NAMES:
            raise click.BadParameter(f"{images!r} is none of torchvision's sets: {', '.join(NAMES)}")
        labelled, unlabelled = export(images, out, root, download=download, split=split, test=test)
    click.echo(f"{out}: {labelled:,} labelled and {unlabelled:,} unlabelled images")
