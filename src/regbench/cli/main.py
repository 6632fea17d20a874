"""The group of all commands. A command's module is imported when it is needed, its libraries when it runs."""

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import click

from regbench.runtime.command import prepare_process, require_own_code, run

COMMANDS = {
    "run": "pipeline",
    "diff": "pipeline",
    "ui": "tracking",
    "sync": "tracking",
    "watch": "tracking",
    "show": "tracking",
    "dashboard": "search",
    "retrain": "retraining",
    "rollback": "retraining",
    "inspect": "images",
    "predict": "images",
    "export": "images",
    "export-model": "models",
    "decide": "protocols",
    "article": "protocols",
    "ablation": "protocols",
    "learning-curve": "protocols",
    "validation-curve": "curves",
    "label-noise": "curves",
    "strong-baseline": "protocols",
    "clean": "store",
    "verify": "health",
    "doctor": "health",
}
"""Command -> module of `regbench.cli` with a function of that name, `_` for `-`; in the order of the help page."""


class LazyGroup(click.Group):
    """Commands that are imported by name; their failures become one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"regbench.cli.{COMMANDS[cmd_name]}")
        command: click.Command = getattr(module, cmd_name.replace("-", "_"))
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that was named; where there is none, suggest one of a similar name."""
        try:
            return super().resolve_command(ctx, args)
        except click.NoSuchCommand as error:
            raise click.NoSuchCommand(error.command_name, possibilities=COMMANDS, ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command that was named."""
        run(partial(require_own_code, Path.cwd()))
        run(partial(super().invoke, ctx))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="All commands work on the project in the current folder.",
)
def regbench() -> None:
    """Run the pipeline, show and use its results, and run further comparisons (protocols)."""


def main() -> None:
    """Run the command line."""
    prepare_process()
    regbench(prog_name="regbench")
