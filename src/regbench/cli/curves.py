"""Commands that plot errors against a hyperparameter, or against damage to the train images."""

from pathlib import Path

import click

from regbench.cli.options import (
    FILE,
    choose_variants,
    data_option,
    out_option,
    params_option,
    raw_option,
    tuned_option,
    variants_option,
)

RATES = (0.0, 0.1, 0.2, 0.4)
share = click.FloatRange(min=0, max=1, max_open=True)


@click.command()
@click.argument("variant")
@click.argument("key")
@click.argument("values", type=float, nargs=-1)
@click.option("--out", type=FILE, help="Folder of tables and runs; default: validation-curve/VARIANT-KEY.")
@raw_option
@data_option
@tuned_option
@params_option
def validation_curve(
    variant: str,
    key: str,
    values: tuple[float, ...],
    out: Path | None,
    raw: Path | None,
    data: Path,
    tuned: Path,
    params: Path,
) -> None:
    """Show how errors depend on a hyperparameter.

    Trains VARIANT with each of VALUES for KEY. KEY is a strength such as l2 or dropout, a number of the recipe such as
    recipe.rotate or of the section train such as train.epochs, or width or depth of the perceptron.
    """
    from regbench.config.checking import load_params
    from regbench.protocols.protocol import ingest_raw, resolve_variants
    from regbench.protocols.validation_curve import write_validation_curve

    out = out or Path("validation-curve", f"{variant}-{key}")
    settings = resolve_variants(load_params(params), [variant], tuned)
    data = ingest_raw(settings.data, raw, out) if raw else data
    click.echo(write_validation_curve(settings, variant, key, values, data, out))


@click.command()
@click.argument("rates", type=share, nargs=-1)
@click.option(
    "--outliers",
    type=share,
    multiple=True,
    default=[0.2],
    show_default=True,
    help="Share of images whose pixels are shuffled; repeatable; 0: none.",
)
@out_option("label-noise")
@variants_option
@click.option(
    "--seed", type=int, default=128, show_default=True, help="Seed that decides which images are changed, and how."
)
@raw_option
@data_option
@tuned_option
@params_option
def label_noise(
    rates: tuple[float, ...],
    outliers: tuple[float, ...],
    out: Path,
    variants: tuple[str, ...],
    seed: int,
    raw: Path | None,
    data: Path,
    tuned: Path,
    params: Path,
) -> None:
    """Compare variants with wrong train labels.

    RATES are shares of the train images that get a wrong label; default: 0 0.1 0.2 0.4. With --outliers the labels
    stay, and the pixels of the images are shuffled. Validation and test images are not changed.
    """
    from regbench.protocols.label_noise import write_label_noise
    from regbench.protocols.protocol import ingest_raw

    settings = choose_variants(params, variants, tuned)
    data = ingest_raw(settings.data, raw, out) if raw else data
    click.echo(write_label_noise(settings, rates or RATES, outliers, data, out, seed))
