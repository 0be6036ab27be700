"""``rankscope connect``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options, signing_options
from console.opening import Wanted


@click.command(short_help="Settings for an unknown index.")
@click.argument("url")
@click.option("--index", "name", default="", metavar="NAME", help="Index, alias or data stream; default: the only one.")
@click.option("--all", "hidden", is_flag=True, help="List system indices as well.")
@click.option("--embedder", default="", metavar="NAME", help="What made the vectors, where you know it.")
@signing_options
@click.option("-O", "--out", type=FILE, metavar="FILE", help="Where the settings go; default: among your own.")
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.option("--no-open", is_flag=True, help="Write the settings, and do not open the console.")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="json opens nothing.")
@settings_options(config=False, index=False)
def command(
    url: str,
    name: str,
    hidden: bool,
    embedder: str,
    signs: dict[str, str],
    out: Path | None,
    force: bool,
    no_open: bool,
    output: str,
    wanted: Wanted,
) -> None:
    """Look at an index of Elasticsearch or OpenSearch, propose how to search it, and open the console on it.

    \b
      rankscope connect localhost:9200                                     lists the indices
      rankscope connect localhost:9200 --index products
      rankscope connect https://search:9200 --api-key env:KEY --ca-file ca.crt --index docs -O docs.toml --no-open
      rankscope connect localhost:9200 --index docs -o json | jq .embedder

    The mapping and a few documents say which fields hold text, which is the title, and where the vectors are. Who made
    these is proven where it can be: an embedder that makes the stored vector of a stored text is the one. Nothing is
    written to the engine, and no document is sent to a service. The settings file says why each thing was chosen.
    """
    from console.connect_command import connect_to

    connect_to(
        url,
        signs,
        wanted,
        index=name,
        hidden=hidden,
        embedder=embedder,
        out=out,
        force=force,
        opens=not no_open,
        as_json=output == "json",
    )
