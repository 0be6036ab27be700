"""``rankscope doctor``."""

from __future__ import annotations

import click

from console.commands.options import settings_options
from console.exit_codes import ExitCode
from console.opening import Wanted


@click.command(short_help="Check settings, index, files, keys, and whether services answer.")
@click.argument("names", nargs=-1, metavar="[PROVIDER]...")
@click.option("--repeat", type=click.IntRange(1, 100), default=1, show_default=True, help="Ask so many times.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options()
def command(names: tuple[str, ...], repeat: int, format_: str, wanted: Wanted) -> ExitCode:
    """Check everything that a search needs, one line each: settings, index, folders, keys, and the services that the
    settings name, or the PROVIDERs named here.

    A reranker is asked about one relevant and one irrelevant document; with --repeat, whether the same question gets
    the same scores each time. These two sentences are all that is sent.

    \b
      rankscope doctor -c my.toml
      rankscope doctor cohere voyage --repeat 5
      rankscope doctor tei --set rerank.base_url=http://localhost:8080

    The exit code is 1 if a check failed.
    """
    from console.doctoring import examine

    return examine(names, wanted, repeat=repeat, as_json=format_ == "json")
