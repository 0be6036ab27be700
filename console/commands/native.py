"""``rankscope native``."""

from __future__ import annotations

import click

from console.commands.options import settings_options
from console.opening import Wanted


@click.command(short_help="The engine's own fusion beside ours.")
@click.argument("query", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="As JSON, with every list and score.")
@settings_options(filters=True, cache=True)
def command(query: tuple[str, ...], as_json: bool, wanted: Wanted) -> None:
    """Search as always, and ask Elasticsearch or OpenSearch for the same search as they would fuse it themselves.

    \b
      rankscope native "wing flow" -c my.toml
      rankscope native "wing flow" -c my.toml --json | jq '.native[] | {form, overlap, rbo, took_ms}'

    Each form that the engine has is asked: boosts, linear and rrf on Elasticsearch, boosts, hybrid and rrf on
    OpenSearch, each with its reranker as well where the settings rerank. What a form cannot express is given its
    nearest value and told on stderr. A form that the engine refuses (licence, plugin, version) is one line.
    """
    from console.native import print_native

    print_native(" ".join(query), wanted, as_json=as_json)
