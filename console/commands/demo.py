"""``rankscope demo``, and ``rankscope`` without a command."""

from __future__ import annotations

from dataclasses import replace

import click

from console.commands.options import data_option
from console.opening import Wanted


@click.command(short_help="Open the console on the demo.")
@click.option("--build-only", is_flag=True, help="Build the index if it is missing, and open nothing.")
@click.option("--rebuild", is_flag=True, help="Build the index anew, after an update of Python for example.")
@data_option
@click.option("--theme", default="", metavar="NAME", help="Theme of the console.")
def command(build_only: bool, rebuild: bool, data: str, theme: str) -> None:
    """Open the console on the demo: the documentation inside this Python, some thousands of real documents.

    The index is built the first time, in a few seconds. Nothing is downloaded.

    \b
      rankscope demo
      rankscope demo --build-only && rankscope search "wait without blocking" -o table
    """
    from console.starting import build_demo, open_console

    wanted = build_demo(rebuild=rebuild)
    if not build_only:
        open_console(replace(wanted, data=data), theme=theme)


def open_last(wanted: Wanted, theme: str) -> None:
    """The console on what was named, else as it was opened last, else on the demo."""
    from console.starting import build_demo, last, open_console

    chosen = wanted if wanted.named else last() or build_demo()
    open_console(replace(chosen, data=wanted.data or chosen.data, offline=wanted.offline), theme=theme)
