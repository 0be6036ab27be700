"""``rankscope models``."""

from __future__ import annotations

import difflib

import click

from console.commands.options import settings_options
from console.opening import Wanted


class _ListingGroup(click.Group):
    """Lists where no command is named."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            near = difflib.get_close_matches(args[0], self.commands, n=1, cutoff=0.75) if args else ()
            if near:
                raise click.UsageError(f"There is no command {args[0]!r}. Did you mean `{near[0]}`?", ctx)
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_ListingGroup, short_help="List local models, which are here and which loaded; fetch one.")
def command() -> None:
    """Models that rerank or embed on this machine.

    \b
      rankscope models                         presets, which are here, which a running console has loaded
      rankscope models --here -o json
      rankscope models fetch minilm-l6         download one; broken off, it goes on where it was
      rankscope search "sleep" --set rerank.provider=local --set rerank.model=minilm-l6
      rankscope index corpus.jsonl --into my-index --embedder local/minilm

    A model is a preset's name, a name of the Hugging Face hub (ORG/NAME) or a folder. Nothing but safetensors or
    plainly loadable weights is taken, and no code of a model is ever run.
    """


@command.command("list", short_help="List the models there are, and which are here.")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--here", is_flag=True, help="Only those on this machine.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options(index=False)
def list_(names: tuple[str, ...], here: bool, format_: str, wanted: Wanted) -> None:
    """List the models there are: what each does and suits, its size, whether it is here, and where it is loaded.

    \b
      rankscope models list --here
      rankscope models list minilm-l6 BAAI/bge-m3 -o json
    """
    from console.models import list_models

    list_models(names, wanted, here=here, as_json=format_ == "json")


@command.command()
@click.argument("name")
@click.option("--revision", default="", metavar="REV", help="Branch, tag or commit of the hub; default: the newest.")
@settings_options(index=False)
def fetch(name: str, revision: str, wanted: Wanted) -> None:
    """Download the model NAME into the cache. What an earlier attempt got is not fetched again.

    \b
      rankscope models fetch minilm-l6
      rankscope models fetch Qwen/Qwen3-Reranker-0.6B --revision main
    """
    from console.models import fetch_model

    fetch_model(name, revision, wanted)
