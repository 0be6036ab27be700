"""index, analyze, config, demo, run and completion, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import engine.ingest.registry
from engine.settings.load import load
from tests.console.cli.conftest import Cli

# --- index ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def messy(tmp_path: Path) -> Path:
    file = tmp_path / "messy.jsonl"
    file.write_text(
        '{"_id": "a", "title": "one", "text": "first words"}\n'
        "not json\n"
        '{"_id": "b", "title": "two", "text": "second words"}\n'
        '{"_id": "a", "title": "one", "text": "first words again"}\n'
        '{"_id": "c", "title": "", "text": ""}\n'
    )
    return file


def test_problems_are_told_with_their_line_and_counted(cli: Cli, messy: Path) -> None:
    built = cli("index", messy, "--into", "i")
    assert (built.code, built.out) == (0, b"")
    assert f"bad: {messy}:2: " in built.err
    assert f"duplicate: {messy}:4: id 'a' was already used at {messy}:1" in built.err
    assert f"blank: {messy}:5: " in built.err
    assert built.err.splitlines()[-1].startswith("3 documents in i, 4 read in ")
    assert all(count in built.err for count in ("1 bad", "1 duplicate", "1 blank"))


def test_an_index_that_is_there_is_not_built_over_unasked(cli: Cli, messy: Path, corpus: Path) -> None:
    assert cli("index", messy, "--into", "i").code == 0
    again = cli("index", corpus, "--into", "i")
    assert again.code == 2
    assert "i holds an index of 3 documents already" in again.err
    assert "--update" in again.err
    assert "8 documents in i" in cli("index", corpus, "--into", "i", "--update").err
    assert "5 documents in i" in cli("index", corpus, "--into", "i", "--rebuild").err
    assert cli("index", corpus, "--into", "i", "--update", "--rebuild").code == 2
    assert cli("index", corpus, "--into", "i", "--update", "--analyzer", "standard").code == 2


def test_the_way_out_of_damage_is_the_command_in_the_hint(cli: Cli, corpus: Path) -> None:
    assert cli("index", corpus, "--into", "i").code == 0
    Path("i/rankscope-index.json").write_text("{")
    damaged = cli("search", "seconds", "--index", "i")
    assert damaged.code == 3
    command = damaged.err.rpartition("rankscope ")[2].split()
    assert command[-1] == "--rebuild"
    assert cli(*(str(corpus) if word == "SOURCE" else word for word in command)).code == 0
    assert cli("search", "seconds", "--index", "i").code == 0


def test_documents_can_be_taken_out(cli: Cli, corpus: Path) -> None:
    assert cli("index", corpus, "--into", "i").code == 0
    gone = cli("index", "--into", "i", "--delete", "time.sleep", "--delete", "unknown")
    assert (gone.code, gone.err) == (0, "1 of 2 deleted, 4 documents in i\n")
    assert cli("index", "--into", "i").code == 2
    assert cli("index", "--into", "nowhere", "--delete", "x").code == 3


def test_fields_analysers_and_embedder(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "news.csv"
    file.write_text("url,headline,body\nu1,Foxes jump,The foxes jumped over it\nu2,Dogs,A dog sleeps\n")
    built = cli(
        *("index", file, "--into", "i", "--id-field", "url", "--field", "title=headline", "--field", "text=body"),
        *("--text-field", "title", "--text-field", "text", "--analyzer", "standard", "--analyzer", "text=whitespace"),
        *("--embedder", "none"),
    )
    assert built.code == 0, built.err
    spec = json.loads(Path("i/rankscope-index.json").read_text())["spec"]
    assert spec["text_fields"] == {"title": "standard", "text": "whitespace"}
    assert spec["embedding"] is None
    found = cli("search", "jump", "--index", "i", "--set", "weights.dense=0")
    assert [result["id"] for result in found.json["results"]] == ["u1"]
    assert cli("index", file, "--into", "j", "--field", "headline").code == 2


# --- analyze ----------------------------------------------------------------------------------------------------------


def test_tokens_of_each_analyser(cli: Cli) -> None:
    made = cli("analyze", "The Foxes'", "os.path", "--analyzer", "whitespace", "--analyzer", "identifier")
    assert made.code == 0
    assert made.out.decode().splitlines()[:2] == ["analyzer    tokens", "whitespace  The | Foxes' | os.path"]
    assert "no document frequencies" in made.err
    assert {"english", "standard", "cjk"} <= set(cli("analyze", "x", "-o", "json").json["analyzers"])
    assert cli("analyze", "x", "--analyzer", "englsh").code == 2


def test_terms_of_an_index(cli: Cli, index: Path) -> None:
    report = cli("analyze", "second slepe", "--index", index, "-o", "json").json
    assert report["index"]["documents"] == 5
    terms = {(term["field"], term["token"]): term for term in report["index"]["terms"]}
    assert terms[("text", "second")]["df"] == 3
    assert terms[("text", "slepe")]["df"] == 0
    table = cli("analyze", "second slepe", "--index", index).out.decode()
    assert "text   second       1   3" in table
    assert "not in the index" in table


# --- config -----------------------------------------------------------------------------------------------------------


def test_show_knows_every_source_and_keeps_secrets(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "my.toml"
    file.write_text('[rerank]\ntop_n = 20\napi_key = "sk-very-secret-indeed"\n')
    monkeypatch.setenv("RANKSCOPE_CUT__TOP_K", "7")
    shown = cli("config", "show", "-c", file, "--set", "fusion.combiner=rrf", "--json")
    rows = {row["name"]: row for row in shown.json}
    assert (rows["rerank.top_n"]["value"], rows["rerank.top_n"]["kind"]) == (20, "file")
    assert (rows["cut.top_k"]["value"], rows["cut.top_k"]["source"]) == (7, "RANKSCOPE_CUT__TOP_K")
    assert (rows["fusion.combiner"]["value"], rows["fusion.combiner"]["kind"]) == ("rrf", "--set")
    assert rows["rerank.weight"]["kind"] == "default"
    assert b"very-secret" not in shown.out
    some = cli("config", "show", "rerank.top_n", "cut", "-c", file, "--changed").out.decode()
    assert some.splitlines() == [
        "name          value  source",
        f"rerank.top_n  20     {file}",
        "cut.top_k     7      RANKSCOPE_CUT__TOP_K",
    ]
    assert cli("config", "show", "rerank.topn").code == 2


def test_validate_tells_of_every_file(cli: Cli, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.toml", tmp_path / "bad.toml"
    good.write_text("[cut]\ntop_k = 5\n")
    bad.write_text("[cut]\ntop_k = 0\n")
    checked = cli("config", "validate", bad, good)
    assert checked.code == 2
    assert "cut.top_k" in checked.err
    assert f"{good}: ok" in checked.err
    assert cli("config", "validate", good).code == 0
    assert cli("config", "validate").err == "the defaults: ok\n"


def test_a_group_without_a_command_shows_its_help_as_it_is_laid_out(cli: Cli) -> None:
    bare = cli("config")
    assert bare.code == 2
    assert bare.err.splitlines()[0] == "Usage: rankscope config [OPTIONS] COMMAND [ARGS]..."
    assert "  validate  Check settings files." in bare.err


def test_init_writes_a_file_that_loads_and_never_over_one(cli: Cli, tmp_path: Path, home: Path) -> None:
    assert cli("config", "init").code == 0
    assert load(file=home / "config" / "settings.toml").settings.cut.top_k == 10
    assert cli("config", "init", tmp_path / "my.toml").code == 0
    (tmp_path / "my.toml").write_text("mine")
    assert cli("config", "init", tmp_path / "my.toml").code == 2
    assert (tmp_path / "my.toml").read_text() == "mine"
    assert cli("config", "init", "--force", tmp_path / "my.toml").code == 0
    assert b"[rerank]" in cli("config", "init", "-").out


def test_schema_and_places(cli: Cli, home: Path) -> None:
    assert cli("config", "schema").json["properties"]["rerank"]["properties"]["top_n"]["maximum"] == 2048
    places = cli("config", "locate", "--json").json
    assert places["settings"] == {"path": str(home / "config" / "settings.toml"), "exists": False}
    assert places["sample settings"]["exists"]
    assert str(home) in cli("config", "locate").out.decode()


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_script_that_passes(cli: Cli, index: Path, tmp_path: Path) -> None:
    file = tmp_path / "ok.rank"
    file.write_text(
        "search seconds\n"
        "expect results >= 3\n"
        "expect outcome reranked\n"
        "expect outcome lexical ok\n"
        "expect total lexical == 3\n"
        "expect ms < 60000\n"
        "rerank off\n"
        "expect outcome fused\n"
        "set weights.dense 0\n"
        "expect top 'with space'\n"
        "expect rank time.sleep <= 3\n"
        "expect fused-rank time.sleep == 3\n"
        "expect score time.sleep > 0.5\n"
        "expect absent os.path.join\n"
        "undo\nundo\n"
        "expect outcome reranked\n"
        "set cut.top_k 1\n"
        "expect dropped time.sleep top_k\n"
        "save saved.toml\n"
    )
    played = cli("run", file, "--index", index)
    assert played.code == 0, played.err
    assert played.out.decode().splitlines()[-1] == "13 of 13 expectations met, 20 of 20 lines ran"
    assert load(file=tmp_path / "saved.toml").settings.cut.top_k == 1


@pytest.mark.parametrize("keep_going", [False, True])
def test_a_script_that_fails(cli: Cli, index: Path, tmp_path: Path, keep_going: bool) -> None:
    file = tmp_path / "bad.rank"
    file.write_text("search seconds\nexpect rank os.path.join <= 1\nset rerank.top_n 0\nexpect results == 0\n")
    played = cli("run", file, "--index", index, "-o", "json", *(["--keep-going"] if keep_going else []))
    assert f"{file}:2: expected rank os.path.join <= 1, actual: " in played.err
    report = played.json
    assert (report["ok"], report["lines"], report["ran"]) == (False, 4, 4 if keep_going else 2)
    assert report["steps"][1]["ok"] is False
    assert played.code == (2 if keep_going else 1)
    if keep_going:
        assert f"{file}:3: rerank.top_n" in played.err
        assert report["failed"] == 3


def test_a_script_that_makes_no_sense_never_starts(cli: Cli, tmp_path: Path) -> None:
    file = tmp_path / "odd.rank"
    file.write_text("search a\nfrobnicate\n")
    played = cli("run", file, "--index", "nowhere")
    assert (played.code, played.out) == (2, b"")
    assert f"{file}:2: `frobnicate` is no action" in played.err


def test_a_script_on_the_real_application(cli: Cli, index: Path, tmp_path: Path) -> None:
    file = tmp_path / "tour.rank"
    file.write_text(
        "press slash\n"
        "type seconds\n"
        "press enter\n"
        "expect outcome reranked\n"
        "expect results >= 3\n"
        "set weights.dense 0\n"
        "press r\n"
        "expect outcome fused\n"
        "expect top 'with space'\n"
        "legs\n"
        "screenshot shot.svg\n"
        "undo\n"
        "expect outcome reranked\n"
        "save saved.toml\n"
        "redo\nredo\n"
    )
    played = cli("run", file, "--ui", "--size", "120x30", "--index", index)
    assert played.code == 2
    assert f"{file}:16: redo: " in played.err
    assert "5 of 5 expectations met, 16 of 16 lines ran" in played.out.decode()
    assert load(file=tmp_path / "saved.toml").settings.weights["dense"] == 0
    picture = (tmp_path / "shot.svg").read_text().replace("&#160;", " ")
    assert all(text in picture for text in ("seconds", "fused only", "dense"))
    assert cli("run", file, "--ui", "--size", "big", "--index", index).code == 2


def test_screen_lines_need_the_screen(cli: Cli, index: Path, tmp_path: Path) -> None:
    file = tmp_path / "tour.rank"
    file.write_text("screenshot a.svg\n")
    assert "run the script with --ui" in cli("run", file, "--index", index).err


# --- demo, completion -------------------------------------------------------------------------------------------------


def test_the_demo_is_built_once(
    cli: Cli, home: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    small = tmp_path / "small.jsonl"
    rows = [json.loads(line) | {"identifiers": "a b"} for line in corpus.read_text().splitlines()]
    small.write_text("".join(json.dumps(row) + "\n" for row in rows))
    real = engine.ingest.registry.open_source
    monkeypatch.setattr(engine.ingest.registry, "open_source", lambda spec: real(str(small)))
    assert "5 documents in" in cli("demo", "--build-only").err
    assert cli("demo", "--build-only").err == ""
    assert (home / "config" / "demo.toml").read_text().startswith("# The demo")
    found = cli("search", "seconds")
    assert "this is the demo" in found.err
    assert found.json["results"]
    shut = cli("demo")
    assert shut.code == 2
    assert "needs a terminal" in shut.err


def test_a_log_in_detail_and_without_secrets(cli: Cli, index: Path, tmp_path: Path, home: Path) -> None:
    failing = ("--set", "rerank.provider=nobody", "--set", "rerank.api_key=sk-very-secret-indeed")
    assert cli("--log", tmp_path / "my.log", "search", "seconds", "--index", index, *failing).code == 0
    written = (tmp_path / "my.log").read_text()
    assert "WARNING engine.stages: rerank with nobody failed" in written
    assert "sk-very-secret" not in written
    assert not home.exists() or not (home / "log").exists()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    assert b"_RANKSCOPE_COMPLETE" in cli("completion", shell).out
