"""``rankscope export``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.opening import Wanted

TARGETS = ("elasticsearch", "opensearch", "ragflow", "python", "curl")
ENGINES = ("elasticsearch", "opensearch", "ragflow")


@click.command(short_help="The settings as the production engine's own request.")
@click.argument("query", nargs=-1)
@click.option("--to", "target", type=click.Choice(TARGETS), required=True, help="What to write.")
@click.option(
    "--engine", type=click.Choice(ENGINES), help="The engine that python and curl ask. Default: the settings'."
)
@click.option(
    "--form",
    default="",
    metavar="NAME",
    help="How the engine is to fuse: bool, linear, rrf, hybrid. Default: the first that expresses the settings.",
)
@click.option("--for-version", "version", default="", metavar="N.N", help="The engine's version. Default: the index's.")
@click.option(
    "--nearest", is_flag=True, help="Take the nearest of what the engine cannot express, and say what changed."
)
@click.option(
    "--setup", is_flag=True, help="All requests with method and path, as the engine's own console takes them."
)
@click.option("-O", "--out", "file", type=FILE, metavar="FILE", help="Write to this file instead of stdout.")
@settings_options(filters=True)
def command(
    query: tuple[str, ...],
    target: str,
    engine: str | None,
    form: str,
    version: str,
    nearest: bool,
    setup: bool,
    file: Path | None,
    wanted: Wanted,
) -> None:
    """Write the settings as the request of the engine that runs in production. Run there, it gives the order that the
    console showed.

    \b
      rankscope export -c my.toml --to elasticsearch              a body with {{query}} and {{query_vector}} in it
      rankscope export "wing flow" -c my.toml --to opensearch     the body of one query, that runs as it is
      rankscope export -c my.toml --to python -O search.py        a program that embeds the query and asks
      rankscope export "wing flow" -c my.toml --to curl | sh
      rankscope export -c my.toml --to ragflow --nearest

    Without a QUERY no index is opened. With one it is searched once: the body then holds the query's text, its vector,
    and scales made for its scores, which normalisers such as theoretical-min-max need.

    What an engine cannot express is refused by name, with the nearest that it can (exit code 2); --nearest takes that
    and says on stderr what changed. Keys are variables of the shell or the environment, never values.

    \b
      elasticsearch   bool (boosts, no licence), linear, rrf; text_similarity_reranker around each
      opensearch      bool, hybrid (normalization processor), rrf (score ranker); the pipeline inside the body
      ragflow         vector_similarity_weight, similarity_threshold, top_k, page, rerank model
    """
    from console.exporting import Order, export_settings, version_of

    order = Order(target, engine or "", form, version_of(version), nearest, setup)
    export_settings(" ".join(query), wanted, order, file)
