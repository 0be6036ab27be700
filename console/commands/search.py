"""``rankscope search``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.opening import Wanted
from console.output import Format

FORMATS = [str(name) for name in Format]


@click.command(short_help="Search once or for a whole file of queries.")
@click.argument("query", nargs=-1)
@click.option(
    "--queries",
    metavar="FILE|-",
    help="Search for every query of a file: JSON Lines, ID<TAB>TEXT, or one per line; - reads standard input.",
)
@click.option("--run", "run_file", type=FILE, metavar="OUT", help="Write a TREC run to this file.")
@click.option(
    "--depth", type=click.IntRange(1), default=1000, show_default=True, help="Documents per query in a TREC run."
)
@click.option("--syntax", is_flag=True, help='Read "phrases", -exclusions and field:terms in --queries as well.')
@click.option("--track", metavar="ID", help="Follow this document through every stage, even if nothing returned it.")
@click.option("--facets", metavar="FIELDS", help="Count these fields' values in all that matches, as in lang,year.")
@click.option(
    "--rerankers",
    metavar="NAMES",
    help="Compare these on the query as well, as in term,jina,cohere/rerank-v3.5: what each says, takes and costs.",
)
@click.option(
    "-o",
    "--output",
    "format_",
    type=click.Choice(FORMATS),
    help="What stdout gets. Default: json; with --queries ndjson; with --run nothing.",
)
@settings_options(filters=True, cache=True, recording=True, batch=True)
def command(
    query: tuple[str, ...],
    queries: str | None,
    run_file: Path | None,
    depth: int,
    syntax: bool,
    track: str | None,
    facets: str | None,
    rerankers: str | None,
    format_: str | None,
    wanted: Wanted,
) -> None:
    """Search the index and print the whole trace: every leg's score for every result, what each stage did and took,
    and which rule kept the rest out.

    \b
      rankscope search "wait a few seconds" --index my-index
      rankscope search 'sleep "exact phrase" -windows title:timer' -c my.toml -o table
      rankscope search "sleep" --set weights.dense=0 --set rerank.enabled=false
      rankscope search "sleep" --filter lang=en --filter lang=de
      rankscope search "sleep" --track asyncio.sleep -o table
      rankscope search "sleep" --facets module,kind -o table
      rankscope search "sleep" --rerankers term,jina,cohere -o table
      rankscope search "sleep" | jq '.results[0].legs'

    A typed query may hold "phrases", -exclusions and field:terms (put -- before a query that begins with a dash).
    The queries of a file are taken as plain text, unless --syntax is given.

    \b
      rankscope search --queries queries.jsonl -c my.toml --run my.trec
      trec_eval -m ndcg_cut.10 qrels.txt my.trec
      cut -f2 log.tsv | rankscope search --queries - -o ndjson

    \b
      rankscope record "sleep" -O sleep.rankscope
      rankscope search --recording sleep.rankscope --set weights.dense=0.9

    Before the queries of a file go to a service off this machine, requests, tokens and cost are estimated and asked
    for once, or by --yes not at all.

    A recording answers the queries that it has; one that has a single query needs none here.

    A TREC run goes 1000 deep whatever cut.top_k and cut.offset say; only cut.threshold counts.

    One failed leg is a note on stderr; if no leg answers, the exit code is 3. With rerank.required a reranker that
    fails is exit code 4. No results is no error.
    """
    from console.searching import Wish, search_many, search_once

    if not query and queries is None and wanted.recording is not None:
        from console.replaying import only_query

        query = (only_query(wanted.recording),)
    if bool(query) == (queries is not None):
        raise click.UsageError("give either a query or --queries FILE", click.get_current_context())
    wish = Wish.of(Format(format_) if format_ else None, run_file, depth, many=queries is not None)
    if queries is None:
        search_once(" ".join(query), wanted, wish, track=track or "", rerankers=rerankers or "", facets=facets or "")
    elif track or rerankers or facets:
        if facets:
            raise click.UsageError("--facets counts what one query matches", click.get_current_context())
        if rerankers:
            raise click.UsageError("--rerankers compares on one query", click.get_current_context())
        raise click.UsageError("--track follows one document through one query", click.get_current_context())
    else:
        search_many(queries, wanted, wish, syntax=syntax)
