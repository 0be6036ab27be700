"""What a command line meant whose options stand in the wrong place, or are mistyped."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

import click

EVERYWHERE = ("debug", "log", "version", "help")
"""Options of the whole program, before the command."""


def put_behind(root: click.Group, context: click.Context, arguments: Sequence[str]) -> list[str]:
    """The command line with options that stand before a command put behind it, where it takes them."""
    behind = root.make_parser(context).parse_args(list(arguments))[1]
    before = arguments[: len(arguments) - len(behind)]
    command: click.Command | None = root
    depth = 0
    while isinstance(command, click.Group) and depth < len(behind):
        command, depth = command.get_command(context, behind[depth]), depth + 1
    if command is None or isinstance(command, click.Group):
        return list(arguments)
    taken = _names(command)
    stay, move = list[str](), list[str]()
    for option, tokens in _pieces(root, before):
        (move if option.name not in EVERYWHERE and taken.intersection(option.opts) else stay).extend(tokens)
    return [*stay, *behind[:depth], *move, *behind[depth:]]


def _pieces(root: click.Group, before: Sequence[str]) -> Iterator[tuple[click.Parameter, list[str]]]:
    """Each option with its tokens; every one of the root takes one value or none."""
    tokens = iter(before)
    for token in tokens:
        name, joined, _ = token.partition("=")
        if not name.startswith("--") and len(name) > 2:  # -cFILE
            name, joined = name[:2], "="
        option = next(one for one in root.params if name in one.opts)
        alone = joined or (isinstance(option, click.Option) and option.is_flag)
        yield option, [token] if alone else [token, next(tokens)]


def _names(command: click.Command) -> set[str]:
    return {name for option in command.params if isinstance(option, click.Option) for name in option.opts}


def not_taken(error: click.NoSuchOption, context: click.Context) -> list[str]:
    """What is told of an option that a command does not have: the nearest that it has, or where the option belongs."""
    root, command = context.find_root(), context.command
    name, path = error.option_name, context.command_path
    told = f"`{path}` has no option {name}"
    elsewhere = next((one for one in root.command.params if name in one.opts), None)
    value = "" if isinstance(elsewhere, click.Option) and elsewhere.is_flag else " …"
    if elsewhere is not None and elsewhere.name in EVERYWHERE:
        return [told, f"it stands before the command: {path.replace(' ', f' {name}{value} ', 1)} …"]
    near = difflib.get_close_matches(name, [one for one in _names(command) if one.startswith("--")], n=1, cutoff=0.65)
    if near and name.startswith("--"):
        return [told, f"did you mean {near[0]}? `{path} --help` shows what can be given"]
    if elsewhere is not None:
        return [told, f"`{root.command_path} {name}{value}` opens the console with it"]
    return [told, f"`{path} --help` shows what can be given"]
