"""``rankscope analyze``."""

from __future__ import annotations

import click

from console.commands.options import settings_options
from console.opening import Wanted


@click.command(short_help="Show the tokens each analyser makes of a text.")
@click.argument("text", nargs=-1, required=True)
@click.option("--analyzer", "analyzers", multiple=True, metavar="NAME", help="Only this analyser. Repeatable.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options()
def command(text: tuple[str, ...], analyzers: tuple[str, ...], format_: str, wanted: Wanted) -> None:
    """Show what becomes of TEXT: the tokens of each analyser, and where there is an index, each field's query terms
    with weight, document frequency, idf and synonyms.

    \b
      rankscope analyze "The Foxes' jumping"
      rankscope analyze os.path.join --analyzer identifier --analyzer standard
      rankscope analyze "wait a few seconds" --index my-index
      rankscope analyze "wait" -c my.toml -o json | jq '.index.terms'

    A term with df 0 is in no document; the nearest terms of the index stand beside it. A synonym weighs 0.25.
    """
    from console.analyzing import analyze_text

    analyze_text(" ".join(text), analyzers, wanted, as_json=format_ == "json")
