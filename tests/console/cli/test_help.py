from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from console.cli import COMMANDS, cli

HEAVY = ("numpy", "textual", "rich", "httpx", "torch", "elasticsearch", "asyncio", "sqlite3", "regex")


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    yield path, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from commands(below, (*path, name))


ALL = list(commands(cli))


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["completion", "zsh"]])
def test_nothing_heavy_is_imported(arguments: list[str]) -> None:
    code = f"""
import sys
from console.cli import run
assert run({arguments!r}) == 0
print([name for name in {HEAVY!r} if name in sys.modules], file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert done.stdout


@pytest.mark.parametrize(("path", "command"), ALL, ids=[" ".join(path) or "rankscope" for path, _ in ALL])
def test_help_explains_every_option(path: tuple[str, ...], command: click.Command) -> None:
    context = click.Context(command, info_name=" ".join(("rankscope", *path)), max_content_width=100)
    text = command.get_help(context)
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert all(option in text for option in parameter.opts)
        else:
            assert parameter.make_metavar(context) in text
    assert command.help
    assert all(len(line) <= 120 for line in text.splitlines())


def test_commands_teach_with_examples() -> None:
    plain = {("completion",), ("config", "validate"), ("config", "init"), ("config", "schema"), ("config", "locate")}
    assert {path for path, command in ALL if "rankscope " not in (command.help or "").lower()} <= plain


def test_the_groups_summaries_are_of_commands_that_exist() -> None:
    assert [path[0] for path, _ in ALL if len(path) == 1] == list(COMMANDS)
