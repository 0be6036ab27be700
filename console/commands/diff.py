"""``rankscope diff``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.opening import Wanted


@click.command(short_help="Compare two settings files: what differs, what it does, and to which queries.")
@click.argument("before", type=FILE)
@click.argument("after", type=FILE)
@click.option("--data", metavar="DIR|python-docs", default="", help="Folder with queries and judgments (BEIR, TREC).")
@click.option("--split", default="test", show_default=True, help="Judgments of a BEIR folder: qrels/SPLIT.tsv.")
@click.option("--queries", type=FILE, metavar="FILE", help="Instead of --data: JSON Lines, ID<TAB>TEXT, TREC topics.")
@click.option("--qrels", type=FILE, metavar="FILE", help="Their judgments: TREC, BEIR or JSON Lines.")
@click.option("-m", "--metric", default="ndcg@10", show_default=True, help="What gains and losses are measured by.")
@click.option("--show", type=click.IntRange(0), default=5, show_default=True, help="Queries shown of each kind.")
@click.option("--syntax", is_flag=True, help='Read "phrases", -exclusions and field:terms in the queries.')
@click.option("--concurrency", type=click.IntRange(1, 64), default=4, show_default=True, help="Queries at a time.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options(config=False, filters=True, cache=True, recording=True, batch=True)
def command(
    before: Path,
    after: Path,
    data: str,
    split: str,
    queries: Path | None,
    qrels: Path | None,
    metric: str,
    show: int,
    syntax: bool,
    concurrency: int,
    format_: str,
    wanted: Wanted,
) -> None:
    """Say what differs between two settings files; with judged queries, what that does.

    \b
      rankscope diff old.toml new.toml
      rankscope diff old.toml new.toml --data python-docs
      rankscope diff old.toml new.toml --data my-set -m mrr@10 --show 10 -o json

    The means of the last ranking of each with the paired test between them, how much the lists agree (RBO, Kendall's
    tau over the first 10), and the queries that gain and lose most, with the documents that moved.

    Before queries go to a service off this machine, requests, tokens and cost are estimated and asked for once (--yes).
    """
    from console.diffing import Order, diff_settings
    from console.evaluating import Data

    order = Order.of(metric, format_, show=show, syntax=syntax, concurrency=concurrency)
    sides = (replace(wanted, config=before), replace(wanted, config=after))
    source = Data(data, split, queries, qrels) if data or queries or qrels else None
    diff_settings(sides, source, order)
