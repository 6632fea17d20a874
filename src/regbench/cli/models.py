"""Commands that export a trained model."""

from pathlib import Path

import click

from regbench.cli.options import FILE, decisions_option, params_option, path_option


@click.command()
@path_option("--out", Path("exported"), "Folder to write to.")
@click.option("--model", type=FILE, help="Folder such as runs/l2/seed-128; default: the champion.")
@decisions_option
@params_option
def export_model(out: Path, model: Path | None, decisions: Path, params: Path) -> None:
    """Write a model as ONNX and as a PyTorch graph.

    Both take raw pixels and return probabilities, and run without regbench. Each is compared with the network before it
    is written; classes and image size are in interface.json. Needs the packages of regbench[onnx].
    """
    from regbench.retraining.model_export import export_model

    click.echo(export_model(out, model, params, decisions))
