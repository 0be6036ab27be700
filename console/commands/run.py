"""``rankscope run``."""

from __future__ import annotations

import re
from dataclasses import replace

import click

from console.commands.options import data_option, settings_options
from console.opening import Wanted

EXPECTATIONS = """\b
  expect rank ID <= N              its place in the results (also beyond top_k)
  expect fused-rank ID <= N        its place before reranking
  expect score ID >= X             its final score
  expect top ID                    it is the first result
  expect absent ID                 it is not among the results
  expect dropped ID [RULE]         a rule kept it out: top_k, threshold, filter …
  expect results >= N              how many there are
  expect total LEG > N             how many documents match a leg
  expect outcome reranked          or partly-reranked, fused, failed
  expect outcome STAGE STATUS      ok, partial, failed, skipped or cancelled
  expect ms [STAGE] < X            how long it took
  expect metric ndcg@10 >= X       of the last list, by the judgments of --data"""


class Size(click.ParamType[tuple[int, int]]):
    """COLUMNSxLINES."""

    name = "size"

    def convert(
        self, value: str | tuple[int, int], param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        found = re.fullmatch(r"(\d{2,4})x(\d{2,4})", value)
        if not found:
            self.fail(f"{value!r} is not COLUMNSxLINES, as in 120x40", param, ctx)
        return int(found[1]), int(found[2])


@click.command(short_help="Run a script of console actions with expectations.", epilog=EXPECTATIONS)
@click.argument("script", metavar="SCRIPT|-")
@click.option("--ui", is_flag=True, help="Drive the real console, without a terminal; allows every action and keys.")
@click.option("--size", type=Size(), default="160x45", show_default=True, help="Size of that console.")
@click.option("--keep-going", is_flag=True, help="Go on behind a line that fails.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
@settings_options(cache=True, recording=True)
@data_option
def command(
    script: str, ui: bool, size: tuple[int, int], keep_going: bool, format_: str, data: str, wanted: Wanted
) -> None:
    """Run a SCRIPT: one action of the console a line, with expectations between them. A search test for CI.

    \b
      search "wait a few seconds"       # the words may stand without quotes
      expect rank time.sleep <= 3
      set weights.dense 0.9
      expect outcome reranked
      undo
      save tuned.toml

    \b
      rankscope run checks.rank -c my.toml
      rankscope run checks.rank -c my.toml --keep-going -o json
      rankscope run tour.rank --ui --size 120x40

    Without --ui: search, again, score, set, rerank [on|off], preset, revert, undo, redo, save, pin, unpin, judge ID
    GRADE, metric NAME, expect. With it also every other action of the console (`?` lists them there), press KEY…, type
    TEXT and screenshot FILE.svg.

    The exit code is 1 if an expectation is not met; expected and actual are told with file and line.
    """
    from console.playing import play_file

    play_file(script, replace(wanted, data=data), ui=ui, size=size, keep_going=keep_going, as_json=format_ == "json")
