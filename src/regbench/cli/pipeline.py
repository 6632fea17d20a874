"""The command that runs the pipeline."""

from pathlib import Path
from tempfile import TemporaryDirectory

import click

from regbench.cli.options import params_option
from regbench.layout import Results


@click.command()
@click.argument("targets", nargs=-1)
@params_option
def run(targets: tuple[str, ...], params: Path) -> None:
    """Run the pipeline and print the comparison.

    Checks params.yaml first. Runs the stages that are out of date, or TARGETS and what they depend on, as `dvc repro`
    does.
    """
    from regbench.config.checking import load_params
    from regbench.runtime.repro import run_pipeline

    load_params(params)
    run_pipeline(Path.cwd(), targets)
    table = Results.reports / "comparison.md"
    if not targets and table.exists():
        click.echo(f"\n{table.read_text(encoding='utf-8')}")
        click.echo("Report: reports/comparison.html (opens offline)")
        click.echo("MLflow: make ui (shows all variants side by side)")


@click.command()
@click.argument("revision", default="HEAD")
def diff(revision: str) -> None:
    """Print what changed since a git revision.

    Compares reports/comparison.csv with that of REVISION (default: the last commit), as a table in Markdown.
    """
    from regbench.report.difference import difference
    from regbench.report.tables import required, table
    from regbench.runtime.revisions import fetch_output

    path = Results.reports / "comparison.csv"
    now = required(path, table)
    with TemporaryDirectory() as folder:
        before = Path(folder) / path.name
        fetch_output(Path.cwd(), path, revision, before)
        click.echo(difference(table(before), now), nl=False)
