"""``rankscope evaluate``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.opening import Wanted


@click.command(short_help="Measure settings over judged queries: metrics, significance, gates.")
@click.option("--data", metavar="DIR|python-docs", default="", help="Folder with queries and judgments (BEIR, TREC).")
@click.option("--split", default="test", show_default=True, help="Judgments of a BEIR folder: qrels/SPLIT.tsv.")
@click.option("--queries", type=FILE, metavar="FILE", help="Instead of --data: JSON Lines, ID<TAB>TEXT, TREC topics.")
@click.option("--qrels", type=FILE, metavar="FILE", help="Their judgments: TREC, BEIR or JSON Lines.")
@click.option(
    "-m",
    "--metric",
    "metrics",
    multiple=True,
    metavar="NAME",
    help="ndcg[@k], ndcg_exp[@k], map[@k], mrr[@k], recall@k, precision@k, hit@k, judged@k. Repeatable. "
    "Default: ndcg@10, recall@100, mrr@10.",
)
@click.option("--gate", "gates", multiple=True, metavar="GATE", help="Exit with 1 unless it is met. Repeatable.")
@click.option("--run", "run_file", type=FILE, metavar="OUT", help="Write a TREC run of the last ranking.")
@click.option("--depth", type=click.IntRange(1), default=1000, show_default=True, help="Documents per ranking.")
@click.option("--syntax", is_flag=True, help='Read "phrases", -exclusions and field:terms in the queries.')
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Queries at a time.")
@click.option("--fresh", is_flag=True, help="Begin anew where an earlier run was cut off.")
@click.option(
    "-o",
    "--output",
    "format_",
    type=click.Choice(["table", "json", "ndjson"]),
    default="table",
    help="Format; default: table. ndjson is a line per query.",
)
@settings_options(several=True, filters=True, cache=True, recording=True, batch=True)
def command(
    data: str,
    split: str,
    queries: Path | None,
    qrels: Path | None,
    metrics: tuple[str, ...],
    gates: tuple[str, ...],
    run_file: Path | None,
    depth: int,
    syntax: bool,
    concurrency: int,
    fresh: bool,
    format_: str,
    wanted: tuple[Wanted, ...],
) -> None:
    """Search for every judged query and say how good each ranking is: of each leg alone, fused, and reranked.

    \b
      rankscope evaluate --data python-docs                    the demo's 68 judged queries
      rankscope evaluate --data my-set -c my.toml -m ndcg@10 -m map
      rankscope evaluate --data my-set -c old.toml -c new.toml
      rankscope evaluate --queries topics.txt --qrels qrels.txt -c my.toml --run my.trec
      rankscope evaluate --data my-set --recording my-set.rankscope --set weights.dense=0.9

    A folder is BEIR's (queries.jsonl, qrels/test.tsv), or holds queries or topics and qrels. judged@k is the share of
    the first k that is judged at all: where it is low, the metric beside it says little.

    With several -c each is set against the first, query by query: the difference of the means with its 95 % bootstrap
    interval, the p-value of a paired randomisation test (for more than two adjusted by Holm), wins, losses, ties. What
    settings share is searched once.

    \b
      rankscope evaluate --data my-set -c my.toml --gate 'ndcg@10>=0.6'
      rankscope evaluate --data my-set -c my.toml -o json > baseline.json
      rankscope evaluate --data my-set -c my.toml --gate 'ndcg@10>=baseline.json-0.01'

    A gate reads the last ranking (reranked, else fused) of every settings file. If one is not met the exit code is 1.

    \b
      rankscope evaluate --data my-set -o json | jq '.settings[0].metrics.reranked'
      rankscope evaluate --data my-set -o ndjson | jq 'select(.metrics.fused["ndcg@10"] < 0.2).id'

    Before queries go to a service off this machine, requests, tokens and cost are estimated and asked for once (--yes).

    An evaluation that was cut off goes on where it stopped. cut.top_k and cut.offset do not count. Queries without a
    document judged above 0 are left out and counted; one without results scores 0.
    """
    from console.evaluating import Data, Order, evaluate_settings

    order = Order.of(
        metrics, gates, format_, run_file, depth=depth, syntax=syntax, concurrency=concurrency, fresh=fresh
    )
    evaluate_settings(Data(data, split, queries, qrels), wanted, order)
