"""Options in the wrong place, and mistyped ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.console.cli.conftest import Cli


def test_options_before_the_command_count_as_if_they_stood_behind_it(cli: Cli, index: Path) -> None:
    before = cli("--index", index, "--set=cut.top_k=3", "search", "seconds", "--set", "cut.top_k=2")
    assert before.code == 0
    assert len(before.json["results"]) == 2, "the later of two counts"
    shown = cli("--debug", "--set", "rerank.top_n=7", "config", "show")
    assert shown.code == 0
    assert b"--set" in next(line for line in shown.out.splitlines() if line.startswith(b"rerank.top_n"))


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--data", "X", "search", "x"], ["`rankscope search` does not take --data", "`rankscope --data …` opens"]),
        (["--theme", "a", "--data", "b", "models"], ["does not take --data and --theme"]),
        (["search", "x", "--theme", "paper"], ["no option --theme", "`rankscope --theme …` opens the console"]),
        (["demo", "-c", "x.toml"], ["no option -c", "`rankscope -c …` opens the console"]),
        (["search", "x", "--debug"], ["it stands before the command: rankscope --debug search …"]),
        (["config", "show", "--log", "x"], ["it stands before the command: rankscope --log … config show …"]),
        (["search", "x", "--idnex", "y"], ["no option --idnex", "did you mean --index?"]),
        (["--thme", "x"], ["`rankscope` has no option --thme", "did you mean --theme?"]),
        (["models", "fech", "x"], ["Did you mean `fetch`?"]),
        (["config", "shw"], ["Did you mean 'show'?"]),
    ],
)
def test_the_way_out_is_told(cli: Cli, arguments: list[str], told: list[str]) -> None:
    ended = cli(*arguments)
    assert (ended.code, ended.out) == (2, b"")
    for part in told:
        assert part in ended.err
