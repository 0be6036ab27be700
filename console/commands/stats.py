"""``rankscope stats``."""

from __future__ import annotations

import click


@click.command(short_help="Show calls, tokens, cost, errors and latency of each service.")
@click.option("--days", type=click.FloatRange(0, min_open=True), metavar="N", help="Only the last N days.")
@click.option(
    "-o", "--output", "format_", type=click.Choice(["table", "json"]), default="table", help="Format; default: table."
)
def command(days: float | None, format_: str) -> None:
    """Show what services were asked by this user on this machine, by provider, model and purpose.

    The account lies beside your other data (`rankscope config locate`); it holds no texts and no keys. Latencies are of
    calls that were answered, waits and further attempts included.

    \b
      rankscope stats --days 7
      rankscope stats -o json | jq 'map(.usd) | add'
    """
    from console.services import show_stats

    show_stats(days, as_json=format_ == "json")
