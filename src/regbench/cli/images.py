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

    RAW is a folder or .zip with Test/Test.csv. Writes filename,label to OUT in the order of that table, and the
    probabilities of all classes beside it.
    """
    from regbench.retraining.labelling import label_images

    labelled = label_images(raw, out, model, params, decisions)
    for line in labelled.left_out:
        click.echo(f"left out: {line}", err=True)
    click.echo(labelled.summary)


@click.command()
@click.argument("name", type=click.Choice(["MNIST", "FashionMNIST", "KMNIST", "EMNIST", "CIFAR10"]))
@click.argument("out", type=FILE)
@click.option("--root", type=FILE, required=True, help="Folder of the data set's own files.")
@click.option("--download", is_flag=True, help="Fetch what is missing in --root.")
@click.option("--split", default="balanced", show_default=True, help="Part of EMNIST.")
@click.option(
    "--test",
    type=click.Choice(["labelled", "unlabelled"]),
    default="labelled",
    show_default=True,
    help="Official test images: labelled rows after the train rows, or unlabelled.",
)
def export(name: str, out: Path, root: Path, download: bool, split: str, test: "OfficialTest") -> None:
    """Write a torchvision data set NAME as raw images to OUT.

    OUT is a new folder, or a .zip.
    """
    from regbench.data.export import export

    labelled, unlabelled = export(name, out, root, download=download, split=split, test=test)
    click.echo(f"{out}: {labelled:,} labelled and {unlabelled:,} unlabelled images")
