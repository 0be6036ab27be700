"""The table of actions, the user's key map, the query history, and what can be copied."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from pathlib import Path

import pytest

from console.actions import ACTIONS, Context
from console.copying import command, document_json, lists_markdown
from console.history import LIMIT, History
from console.keymap import read_keymap
from engine.errors import SettingsError
from engine.settings.load import Loaded, load
from engine.settings.schema import Settings
from tests.console.consoles import QUERY, answered, running
from tests.corpus import WatchedStore, changed, pipeline_on


def test_no_key_does_two_things() -> None:
    for modal in (False, True):
        keys = Counter(key for action in ACTIONS if action.modal is modal for key in action.keys)
        assert [key for key, uses in keys.items() if uses > 1] == []


def test_every_action_says_what_it_is() -> None:
    for action in ACTIONS:
        assert action.title
        assert action.help.endswith(".")
        assert action.name == action.name.lower()


def test_nothing_that_needs_an_index_applies_without_one() -> None:
    reasons = {action.name: action.when(Context()) for action in ACTIONS}
    for name in ("search", "undo", "save", "pin", "copy", "rerank"):
        assert reasons[name]
    for name in ("query", "quit", "help", "theme"):
        assert not reasons[name]


def keymap(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "keymap.toml"
    file.write_text(text)
    return file


def test_a_key_map_is_one_key_or_several_or_none(tmp_path: Path) -> None:
    file = keymap(tmp_path, '[keys]\nundo = "z"\nlist-down = ["down", "ctrl+n"]\ntheme = []\n')
    assert read_keymap(file) == {"undo": ("z",), "list-down": ("down", "ctrl+n"), "theme": ()}
    assert read_keymap(tmp_path / "none.toml") == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[keys]\nundoo = "x"\n', "did you mean 'undo'"),
        ('[keys]\nundo = "s"\n', "s is both save and undo"),
        ("[keys]\nundo = 3\n", "a key or a list of keys"),
        ('undo = "z"\n', r"one table \[keys\]"),
        ("[keys\n", "key map"),
    ],
)
def test_a_key_map_that_cannot_be_used_says_why(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as caught:
        read_keymap(keymap(tmp_path, text))
    assert re.search(says, f"{caught.value.message} {caught.value.hint}")


async def test_the_users_key_works_and_ours_no_longer(store: WatchedStore) -> None:
    mine = {"weights": ("z",), "pin": ()}
    async with running(pipeline_on(store), keymap=mine, query=QUERY) as (app, pilot):
        await answered(app, pilot)
        await pilot.press("3", "p")
        assert app.main.session is not None
        assert not app.main.session.pinned
        assert not app.main.panes.knobs.has_focus
        await pilot.press("z")
        assert app.main.panes.knobs.has_focus


def test_the_history_keeps_each_query_once_and_the_last_of_them(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "history.jsonl"
    history = History(file)
    for query in ("one", "two", "  one ", "", "drei\tähren"):
        history.add(query)
    assert History(file).queries == ["two", "one", "drei ähren"]
    for number in range(LIMIT + 5):
        history.add(f"q{number}")
    assert len(History(file).queries) == LIMIT


def test_a_damaged_line_of_the_history_is_left_out(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text('"good"\n{broken\n17\n"also good"\n')
    assert History(file).queries == ["good", "also good"]


def test_a_history_that_cannot_be_written_says_so_and_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    history = History(tmp_path / "file" / "history.jsonl")
    with pytest.raises(SettingsError, match="history"):
        history.add("one")
    assert history.queries == ["one"]


async def test_a_document_is_copied_with_its_account_and_fields(store: WatchedStore) -> None:
    trace = await pipeline_on(store).search(QUERY, Settings())
    copied = json.loads(document_json(trace, "timer"))
    assert copied["id"] == "timer"
    assert copied["legs"].keys() == {"lexical", "dense"}
    assert copied["document"]["title"] == "threading.Timer"


async def test_the_lists_are_copied_as_one_table(store: WatchedStore) -> None:
    trace = await pipeline_on(store).search("a|b wait", changed(Settings(), cut={"top_k": 3}))
    lines = lists_markdown(trace).splitlines()
    assert lines[0].startswith("**a\\|b wait**")
    assert len(lines) == 4 + 3
    assert all(line.count(" | ") == 5 for line in lines[4:])


def test_the_command_has_what_differs_from_the_file(tmp_path: Path) -> None:
    file = tmp_path / "my settings.toml"
    file.write_text("[weights]\nlexical = 0.3\ndense = 0.7\n")
    loaded = load(None, file)
    now = changed(loaded.settings, weights={"dense": 0.5}, rerank={"enabled": False, "provider": "term"})
    words = shlex.split(command(loaded, now, 'say "hi" $HOME'))
    assert words[:3] == ["rankscope", "search", 'say "hi" $HOME']
    assert words[3:5] == ["-c", str(file)]
    assert words[5:] == ["--set", "weights.dense=0.5", "--set", "rerank.enabled=false"]
    again = load(None, file, sets=[words[6], words[8]])
    assert again.settings == now


def test_the_command_holds_no_secret() -> None:
    secret = {"base_url": "http://joe:hunter22@host/v1", "api_key": "sk-1234567"}
    words = shlex.split(command(Loaded(Settings()), changed(Settings(), rerank=secret), "x"))
    assert words[3:] == ["--set", "rerank.base_url=http://•••@host/v1", "--set", "rerank.api_key=•••"]


def test_the_command_without_a_file_names_none() -> None:
    assert command(Loaded(Settings()), Settings(), "x") == "rankscope search x"
