"""``rankscope record``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.opening import Wanted
from console.output import Format


@click.command(short_help="Keep searches in one file that replays without index, model or network.")
@click.argument("query", nargs=-1)
@click.option("--queries", metavar="FILE|-", help="Record every query of a file, or of standard input.")
@click.option("--data", metavar="DIR", help="Record the judged queries of a data set: a BEIR folder, or python-docs.")
@click.option("-O", "--out", type=FILE, required=True, metavar="FILE", help="The recording; an older one is replaced.")
@click.option("--no-texts", is_flag=True, help="Leave the documents' stored fields out: ids and numbers only.")
@click.option("--syntax", is_flag=True, help='Read "phrases", -exclusions and field:terms in --queries as well.')
@click.option(
    "-o",
    "--output",
    "format_",
    type=click.Choice(["json", "ndjson", "table"]),
    help="What stdout gets of the searches, as from `rankscope search`. Default: nothing.",
)
@settings_options(filters=True, cache=True, batch=True)
def command(
    query: tuple[str, ...],
    queries: str | None,
    data: str | None,
    out: Path,
    no_texts: bool,
    syntax: bool,
    format_: str | None,
    wanted: Wanted,
) -> None:
    """Search, and keep everything that was found: candidates, scores of every leg and reranker, texts, times. Settings
    are kept as well; keys to services and passwords in addresses are not.

    \b
      rankscope record "wait a few seconds" -c my.toml -O wait.rankscope
      rankscope record --queries queries.jsonl -c my.toml -O set.rankscope
      rankscope record --data cranfield -c my.toml -O cranfield.rankscope

    \b
      rankscope --recording wait.rankscope                       the console on it, sliders live
      rankscope search --recording wait.rankscope -o json        what was shown, byte for byte
      rankscope search --recording wait.rankscope --set weights.dense=0.9

    Interrupted, it leaves no file, or the older one as it was. A query that no leg answers is left out with a note.

    Before queries go to a service off this machine, requests, tokens and cost are estimated and asked for once (--yes).
    """
    if [bool(query), queries is not None, data is not None].count(True) != 1:
        raise click.UsageError("give a query, --queries FILE or --data DIR", click.get_current_context())
    from console.recording import RecordWish, record_many, record_one
    from engine.recorder import TEXTS

    wish = RecordWish(out, 0 if no_texts else TEXTS, syntax or bool(query), Format(format_) if format_ else None)
    if query:
        record_one(" ".join(query), wanted, wish)
    else:
        record_many(queries, data, wanted, wish)
