"""``rankscope providers``."""

from __future__ import annotations

import click

from console.commands.options import settings_options
from console.opening import Wanted


@click.command(short_help="List the services that can rerank or embed, and which have a key.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--ready", is_flag=True, help="Only those that could be asked now.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options(index=False)
def command(names: tuple[str, ...], ready: bool, format_: str, wanted: Wanted) -> None:
    """List the services there are: what each suits, whether its key is set, and how far away it is.

    Nothing is asked of any of them: `rankscope doctor NAME` does.

    \b
      rankscope providers --ready
      rankscope providers cohere -o json
      rankscope search "sleep" --set rerank.provider=cohere --set rerank.model=rerank-v3.5
      rankscope search "sleep" --set rerank.provider=tei --set rerank.base_url=http://localhost:8080

    A key comes from the variable that is named here, or from rerank.api_key = "file:PATH" or "keyring:NAME". One of
    your own is a table of settings:

    \b
      [providers.mine]
      base_url = "https://rerank.example.org/v1"
      models = ["my-model"]

    A package that is installed beside rankscope may offer a reranker of its own, by an entry point of the group
    rankscope.rerankers: it stands here as a plugin, and is loaded when a search asks for it.
    RANKSCOPE_PLUGINS=off leaves plugins out.
    """
    from console.services import list_providers

    list_providers(names, wanted, ready=ready, as_json=format_ == "json")
