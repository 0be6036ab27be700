"""``rankscope config …``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.exit_codes import ExitCode
from console.opening import Wanted

AS_JSON = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@click.group(short_help="Show, check or write settings.")
def command() -> None:
    """Show, check or write settings.

    A value comes from the last of: default, your own settings file, the file of -c, the environment
    (RANKSCOPE_RERANK__TOP_N), --set rerank.top_n=20.

    \b
      rankscope config show -c my.toml            every value and where it comes from
      rankscope config init my.toml               a file with every key explained
      rankscope config validate my.toml           check files, in CI for example
    """


@command.command(short_help="Show every value and where it comes from.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--changed", is_flag=True, help="Only what is not a default.")
@AS_JSON
@settings_options()
def show(names: tuple[str, ...], changed: bool, as_json: bool, wanted: Wanted) -> None:
    """Every value with its source; with NAMEs (rerank, legs.dense.top_k) only those and what is below them.

    Keys to services are shown as references (env:NAME), never themselves.

    \b
      rankscope config show rerank weights -c my.toml
      RANKSCOPE_CUT__TOP_K=20 rankscope config show --changed
    """
    from console.configuring import show_settings

    show_settings(names, wanted, changed=changed, as_json=as_json)


@command.command(short_help="Check settings files.")
@click.argument("files", nargs=-1, type=FILE)
@settings_options()
def validate(files: tuple[Path, ...], wanted: Wanted) -> ExitCode:
    """Check settings FILES, each over the defaults and your own file; without any, the settings as they are.

    Tells every file that cannot be used, with name, value and range; the exit code is then 2.
    """
    from console.configuring import validate_files

    return validate_files(files, wanted)


@command.command(short_help="Write a settings file with every key explained.")
@click.argument("file", required=False, type=click.Path(path_type=Path, allow_dash=True))
@click.option("--force", is_flag=True, help="Write over a file that is there.")
def init(file: Path | None, force: bool) -> None:
    """Write a settings FILE in which every key stands with its meaning, range and default, commented out.

    Without FILE your own settings file is made, which every command reads; - writes to standard output.
    """
    from console.configuring import write_template

    write_template(file, force=force)


@command.command(short_help="Print the JSON Schema of a settings file.")
def schema() -> None:
    """Print the JSON Schema of a settings file, for editors that check and complete TOML."""
    from console.output import emit, json_bytes
    from engine.settings.document import json_schema

    emit(json_bytes(json_schema()))


@command.command(short_help="Print where everything lies on this machine.")
@AS_JSON
def locate(as_json: bool) -> None:
    """Print where things lie: settings, key map, themes, indexes, cache, log, sample settings.

    RANKSCOPE_HOME moves all of yours into one folder.
    """
    from console.configuring import show_places

    show_places(as_json=as_json)
