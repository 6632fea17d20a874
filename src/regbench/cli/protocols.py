"""Commands that run a protocol outside the pipeline."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from regbench.cli.options import (
    choose_variants,
    data_option,
    out_option,
    params_option,
    path_option,
    raw_argument,
    raw_option,
    tuned_option,
    variants_option,
)

if TYPE_CHECKING:
    from regbench.protocols.race_tables import Score

SIZES = (500, 1000, 3000)


@click.command()
@raw_argument
@out_option("article")
@click.option(
    "--seed",
    "seeds",
    type=int,
    multiple=True,
    default=[128, 129, 130, 131, 132],
    show_default=True,
    help="Seed; repeatable.",
)
@params_option
def article(raw: Path, out: Path, seeds: tuple[int, ...], params: Path) -> None:
    """Test the tutorial's claims by its own protocol.

    RAW is a folder or .zip of images with labels.
    """
    from regbench.config.checking import load_params
    from regbench.protocols.article import write_article
    from regbench.protocols.article_steps import article_params

    settings = article_params(load_params(params), tuple(dict.fromkeys(seeds)))
    click.echo(write_article(settings, raw, out))


@click.command()
@click.argument("variant")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of tables and runs; default: ablation/VARIANT.")
@raw_option
@data_option
@tuned_option
@params_option
def ablation(variant: str, out: Path | None, raw: Path | None, data: Path, tuned: Path, params: Path) -> None:
    """Compare each regularizer alone, and VARIANT without it.

    VARIANT needs two or more regularizers; its recipe counts as one.
    """
    from regbench.config.checking import load_params
    from regbench.protocols.ablation import write_ablation
    from regbench.protocols.protocol import ingest_raw, resolve_variants

    out = out or Path("ablation", variant)
    settings = resolve_variants(load_params(params), [variant], tuned)
    data = ingest_raw(settings.data, raw, out) if raw else data
    click.echo(write_ablation(settings, variant, data, out))


@click.command()
@click.argument("sizes", type=int, nargs=-1)
@out_option("learning-curve")
@variants_option
@click.option("--seed", type=int, default=128, show_default=True, help="Seed of the random subsets.")
@raw_option
@data_option
@tuned_option
@params_option
def learning_curve(
    sizes: tuple[int, ...],
    out: Path,
    variants: tuple[str, ...],
    seed: int,
    raw: Path | None,
    data: Path,
    tuned: Path,
    params: Path,
) -> None:
    """Compare variants at several numbers of train images.

    SIZES are these numbers; default: 500 1000 3000.
    """
    from regbench.protocols.learning_curve import write_learning_curve
    from regbench.protocols.protocol import ingest_raw

    settings = choose_variants(params, variants, tuned)
    data = ingest_raw(settings.data, raw, out) if raw else data
    click.echo(write_learning_curve(settings, sizes or SIZES, data, out, seed))


@click.command()
@raw_argument
@out_option("strong-baseline")
@path_option("--params", Path("presets/strong-baseline.yaml"), "Parameter file with the variants to compare.")
def strong_baseline(raw: Path, out: Path, params: Path) -> None:
    """Measure how low the test error can get.

    RAW is a folder or .zip of images with labels.
    """
    from regbench.config.checking import load_params
    from regbench.protocols.protocol import ingest_raw
    from regbench.protocols.strong_baseline import write_strong_baseline

    settings = load_params(params)
    click.echo(write_strong_baseline(settings, ingest_raw(settings.data, raw, out), out))


@click.command()
@click.argument("minutes", type=click.FloatRange(min=0))
@out_option("decide")
@click.option("--seeds", type=click.IntRange(min=2), default=24, show_default=True, help="Most seeds of a variant.")
@click.option(
    "--score", type=click.Choice(["error", "log-loss"]), default="error", show_default=True, help="What is compared."
)
@variants_option
@raw_option
@data_option
@tuned_option
@params_option
def decide(
    minutes: float,
    out: Path,
    seeds: int,
    score: "Score",
    variants: tuple[str, ...],
    raw: Path | None,
    data: Path,
    tuned: Path,
    params: Path,
) -> None:
    """Train more seeds for undecided comparisons.

    Starts no training after MINUTES, and ends early when all comparisons are decided. The same command continues where
    an earlier one stopped.
    """
    from regbench.protocols.decide import write_decisions
    from regbench.protocols.protocol import ingest_raw

    settings = choose_variants(params, variants, tuned)
    data = ingest_raw(settings.data, raw, out) if raw else data
    click.echo(write_decisions(settings, data, out, minutes, seeds, score))
