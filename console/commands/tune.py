"""``rankscope tune``."""

from __future__ import annotations

from pathlib import Path

import click

from console.commands.options import FILE, settings_options
from console.opening import Wanted


@click.command(short_help="Search weights and other knobs over judged queries; save what held-out queries confirm.")
@click.option("--data", metavar="DIR|python-docs", default="", help="Folder with queries and judgments (BEIR, TREC).")
@click.option("--split", default="test", show_default=True, help="Judgments of a BEIR folder: qrels/SPLIT.tsv.")
@click.option("--queries", type=FILE, metavar="FILE", help="Instead of --data: JSON Lines, ID<TAB>TEXT, TREC topics.")
@click.option("--qrels", type=FILE, metavar="FILE", help="Their judgments: TREC, BEIR or JSON Lines.")
@click.option("-O", "--out", type=FILE, metavar="FILE", help="Save the tuned settings here, with where they come from.")
@click.option("--force", is_flag=True, help="Replace FILE if it exists.")
@click.option("-m", "--metric", default="ndcg@10", show_default=True, help="What to make as high as possible.")
@click.option(
    "--over",
    multiple=True,
    metavar="NAMES",
    help="What to turn, separated by commas: weights, features, blend, boosts, k1, b, normalizer, combiner, "
    "rank_constant, top_n, or settings by name, with a range or choices. Repeatable. Default: weights, and blend "
    "where a blend has a weight.",
)
@click.option("--folds", type=click.IntRange(2), default=5, show_default=True, help="Parts of the held-out estimate.")
@click.option("--trials", type=click.IntRange(10), default=2000, show_default=True, help="About how many to make.")
@click.option("--seed", type=click.IntRange(0), default=1, show_default=True, help="Same seed, same result.")
@click.option(
    "--cover/--no-cover",
    default=None,
    help="Rerank beforehand what other weights would bring among the first N. Default: only with provider term, which "
    "costs nothing.",
)
@click.option("--syntax", is_flag=True, help='Read "phrases", -exclusions and field:terms in the queries.')
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options(filters=True, cache=True, recording=True, batch=True)
def command(
    data: str,
    split: str,
    queries: Path | None,
    qrels: Path | None,
    out: Path | None,
    force: bool,
    metric: str,
    over: tuple[str, ...],
    folds: int,
    trials: int,
    seed: int,
    cover: bool | None,
    syntax: bool,
    format_: str,
    wanted: Wanted,
) -> None:
    """Search for every judged query once, then try thousands of settings on what was found.

    \b
      rankscope tune --data python-docs -O tuned.toml
      rankscope tune --data my-set -c my.toml -O tuned.toml --over weights,k1,b
      rankscope tune --data my-set -c my.toml --over weights --over rerank.weight=0..0.6
      rankscope tune --data my-set -c my.toml --over "legs.lexical.fields.title=1,2,4"
      rankscope tune --data my-set --recording my-set.rankscope --over weights,normalizer

    The best of many trials looks better than it is. So the queries are divided into folds, and every query is measured
    by settings that were found on the others. Only if that beats the settings as they are (paired randomisation test,
    p < 0.05) do they change; else FILE gets them as they were, with that said in its first lines.

    What is saved is the centre of the plateau: of all trials that are not significantly worse than the best, the one in
    their middle. -o json prints every trial.

    Ctrl-C ends the search and judges what was found by then. Candidates are retrieved once: after tuning boosts, k1 or
    b confirm with `rankscope evaluate -c old.toml -c tuned.toml`.

    Before queries go to a service off this machine, requests, tokens and cost are estimated and asked for once (--yes).
    """
    from console.evaluating import Data
    from console.tuning import Order, tune_settings

    names = [name for text in over for name in _names(text)]
    order = Order.of(metric, names, out, format_, folds=folds, trials=trials, seed=seed, force=force)
    tune_settings(Data(data, split, queries, qrels), wanted, order, cover=cover, syntax=syntax)


def _names(text: str) -> list[str]:
    """``weights,k1`` as two names; ``legs.lexical.k1=0.9,1.2`` is one with two values."""
    parts: list[str] = []
    for part in text.split(","):
        if parts and "=" in parts[-1] and "=" not in part and not part.strip().isidentifier():
            parts[-1] += f",{part}"
        else:
            parts.append(part)
    return [part for part in parts if part.strip()]
