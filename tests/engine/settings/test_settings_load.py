"""Layers, sources, and what is said about a value that cannot be used."""

import pytest

from engine.errors import SettingsError
from engine.settings.load import decode, load
from engine.settings.merge import SourceKind
from engine.settings.schema import DenseLeg, Settings


@pytest.fixture
def write(tmp_path):
    def write_file(text, name="settings.toml"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write_file


def test_nothing_gives_the_defaults(tmp_path):
    loaded = load(tmp_path / "none.toml", cwd=tmp_path)
    assert loaded.settings == Settings()
    assert {source.kind for source in loaded.sources.values()} == {SourceKind.DEFAULT}
    assert loaded.file == tmp_path / "none.toml"
    assert loaded.digest == ""


def test_each_layer_beats_the_one_below(write):
    user = write("[rerank]\ntop_n = 1\nmodel = 'u'\nweight = 0.1\nvector_weight = 0.1\n", "user.toml")
    file = write("[rerank]\ntop_n = 2\nmodel = 'f'\nweight = 0.2\n")
    environ = {"RANKSCOPE_RERANK__TOP_N": "3", "RANKSCOPE_RERANK__MODEL": "e", "RANKSCOPE_LOG": "debug"}
    loaded = load(user, file, environ, ["rerank.top_n=4"])
    rerank = loaded.settings.rerank
    assert (rerank.top_n, rerank.model, rerank.weight, rerank.vector_weight) == (4, "e", 0.2, 0.1)
    shown = {
        name: str(loaded.source(f"rerank.{name}")) for name in ("top_n", "model", "weight", "vector_weight", "auto")
    }
    assert shown == {
        "top_n": "--set rerank.top_n=4",
        "model": "RANKSCOPE_RERANK__MODEL",
        "weight": str(file),
        "vector_weight": str(user),
        "auto": "default",
    }
    assert loaded.explicit("rerank.top_n")
    assert loaded.explicit("rerank")
    assert not loaded.explicit("rerank.auto")
    assert not loaded.explicit("cut")


def test_false_and_zero_override(write):
    file = write("[rerank]\nenabled = false\nweight = 0\n[weights]\nlexical = 1\ndense = 0\n")
    settings = load(None, file).settings
    assert settings.rerank.enabled is False
    assert settings.rerank.weight == 0
    assert settings.weights == {"lexical": 1.0, "dense": 0.0}
    assert load(None, None, {}, ["rerank.auto=false"]).settings.rerank.auto is False


def test_a_table_of_fields_replaces_the_default_whole_and_an_entry_does_not(write):
    file = write("[legs.lexical]\nfields = { body = 2 }\n")
    assert load(None, file).settings.legs["lexical"].fields == {"body": 2.0}
    sets = ["legs.lexical.fields.title=3", 'legs.lexical.fields."a.b"=0.5']
    loaded = load(None, None, {}, sets)
    assert loaded.settings.legs["lexical"].fields == {"title": 3.0, "text": 1.0, "a.b": 0.5}
    assert loaded.source("legs.lexical.fields.text").kind is SourceKind.DEFAULT
    assert loaded.source('legs.lexical.fields."a.b"').kind is SourceKind.SET
    assert load(None, file, {}, sets[:1]).settings.legs["lexical"].fields == {"body": 2.0, "title": 3.0}


def test_legs_join_by_name_and_weights_say_which_there_are(write):
    file = write("[legs.lexical]\nk1 = 0.9\n")
    assert list(load(None, file).settings.legs) == ["lexical", "dense"]
    file = write("[legs.bm25]\nkind = 'lexical'\n[weights]\nbm25 = 1\n")
    assert list(load(None, file).settings.legs) == ["bm25"]
    file = write("[legs.second]\nkind = 'dense'\n[weights]\nsecond = 1\ndense = 1\n")
    settings = load(None, file).settings
    assert settings.legs == {"dense": DenseLeg(), "second": DenseLeg()}
    assert list(settings.weights) == list(settings.legs)


def test_a_users_leg_does_not_stand_in_the_way_of_a_files_weights(write):
    user = write(
        "[legs.dense]\ntop_k = 5\n[legs.g]\nkind = 'dense'\n[weights]\nlexical = 1\ndense = 1\ng = 1\n", "u.toml"
    )
    assert list(load(user).settings.legs) == ["lexical", "dense", "g"]
    file = write("[weights]\nlexical = 1.0\n")
    loaded = load(user, file)
    assert list(loaded.settings.legs) == ["lexical"]
    assert list(loaded.below.legs) == ["lexical", "dense", "g"]


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[rerank]\n\ntop_n = 4096", "rerank.top_n: 4096 is outside its range, 1 to 2048 (FILE:3)", "1 to 2048"),
        ("[rerank]\ntop_n = 2.0", "rerank.top_n: expected a whole number, got a number 2.0 (FILE:2)", "1 to 2048"),
        ("[rerank]\ntop_n = true", "rerank.top_n: expected a whole number, got true or false true (FILE:2)", "1 to"),
        ("[rerank]\nauto = 1", "rerank.auto: expected true or false, got a whole number 1 (FILE:2)", ""),
        ("[rerank]\nmodel = 1979-05-27", "rerank.model: expected text, got a date or time 1979-05-27 (FILE:2)", ""),
        ("[rerank]\nquirks = [1]", "rerank.quirks: expected a list of texts, got a list [1] (FILE:2)", ""),
        ("rerank.tpo_n = 1", "unknown setting rerank.tpo_n (FILE:1)", "did you mean rerank.top_n?"),
        ("[rernk]\ntop_n = 1", "unknown setting rernk (FILE:1)", "did you mean rerank?"),
        ("[cut]\nqqqqqq = 1", "unknown setting cut.qqqqqq (FILE:2)", "config schema"),
        ("[legs.lexical]\nb = 1.5", "legs.lexical.b: 1.5 is outside its range, 0 to 1 (FILE:2)", "0 to 1"),
        ("[legs.lexical.fields]\nt = 11", "legs.lexical.fields.t: 11.0 is outside its range, 0 to 10 (FILE:2)", "0 to"),
        ("[legs.lexical]\nfields = {}", "legs.lexical.fields: no field to search", "{ text = 1.0 }"),
        ("[legs.dense]\nk1 = 1", "unknown setting legs.dense.k1 (FILE:2)", "did you mean legs.lexical.k1?"),
        ("[legs.x]\nkind = 'colbert'", "legs.x.kind: unknown kind 'colbert' (FILE:2)", "lexical, dense"),
        ("[legs.x]\nkind = 'dense'", "weights.x is missing", "add weights.x = 0.5"),
        ("[legs.dense]\ntop_k = 5\n[weights]\nlexical = 1", "weights.dense is missing", "add weights.dense = 0.5"),
        ("legs = 3", "legs: expected a table, got a whole number 3 (FILE:1)", "[legs]"),
        ("[legs]\ndense = 3", "legs.dense: expected a table, got a whole number 3 (FILE:2)", "[legs.dense]"),
        (
            "[weights]\nlexical = 1\ndens = 1",
            "weights.dens: there is no leg of this name (FILE)",
            "did you mean weights.dense?",
        ),
        ("[weights]\ndense = nan", "weights.dense: nan is not a finite number (FILE:2)", "at least 0"),
        ("[weights]\ndense = 0\nlexical = 0", "weights: all of them are 0", "raise at least one"),
        ("[weights]", "there is no leg to search with", "[legs.lexical]"),
        ("[budget]\nleg_ms = 60000", "budget.leg_ms: 60000 is not below budget.query_ms, 60000", "raise budget.query"),
        ("[budget]\nquery_ms = 0", "budget.query_ms: 0 is outside its range, 1 to 600000 (FILE:2)", "1 to 600000"),
        ("[features.p]\nweight = 1.0", "features.p.field is missing", "[features.p]"),
        ("[fusion]\nnormalizer = 'minmax'", "fusion.normalizer: 'minmax' is not one of", "did you mean 'min-max'?"),
        ("[rerank]\ntop_n = = 2", "FILE:2:9: ", "TOML"),
        ("[rerank\n", "FILE:1:8: ", "TOML"),
        ('cut.group = """x', "FILE: ", "TOML"),
    ],
)
def test_a_faulty_file_is_told_with_name_place_and_way_out(write, text, message, hint):
    file = write(text)
    with pytest.raises(SettingsError) as caught:
        load(None, file)
    assert message.replace("FILE", str(file)) in caught.value.message
    assert hint in caught.value.hint
    named = message.partition(":")[0].partition(" ")[0]
    if named.partition(".")[0] in Settings.__struct_fields__:
        assert caught.value.path == named


@pytest.mark.parametrize(
    ("environ", "sets", "message", "hint"),
    [
        ({"RANKSCOPE_RERANK__TOP_N": "many"}, [], "got text 'many' (RANKSCOPE_RERANK__TOP_N)", "1 to 2048"),
        ({"RANKSCOPE_RERANK__TOPN": "1"}, [], "unknown setting rerank.topn (RANKSCOPE_RERANK__TOPN)", "rerank.top_n?"),
        ({"RANKSCOPE_RERANK_TOP_N": "1"}, [], "RANKSCOPE_RERANK_TOP_N names no setting", "RANKSCOPE_RERANK__TOP_N"),
        ({}, ["rerank.top_n=0"], "0 is outside its range, 1 to 2048 (--set rerank.top_n=0)", "1 to 2048"),
        ({}, ["rerank.top_n="], "expected a whole number, got text '' (--set rerank.top_n=)", ""),
        ({}, ["rerank.topn=1"], "unknown setting rerank.topn (--set rerank.topn=1)", "did you mean rerank.top_n?"),
        ({}, ["rerank.top_n"], "--set rerank.top_n: there is no value", "NAME=VALUE"),
        ({}, ["rerank=1"], "rerank: expected a table, got a whole number 1 (--set rerank=1)", ""),
        ({}, ["=1"], "--set =1: there is no value", "NAME=VALUE"),
    ],
)
def test_a_faulty_variable_or_set_is_named(environ, sets, message, hint):
    with pytest.raises(SettingsError) as caught:
        load(None, None, environ, sets)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_variables_find_names_whatever_their_case_and_punctuation(write):
    file = write("[legs.bm-25]\nkind = 'lexical'\nfields = { 'Meta.Title' = 1 }\n[weights]\nbm-25 = 1\n")
    environ = {
        "RANKSCOPE_LEGS__BM_25__FIELDS__META_TITLE": "2",
        "RANKSCOPE_WEIGHTS__BM_25": "0.5",
        "rankscope_cut__top_k": "7",
        "RANKSCOPE_FILTER__LANG": '["en", "de"]',
        "RANKSCOPE_RERANK__MODEL": "12",
    }
    settings = load(None, file, environ).settings
    assert settings.legs["bm-25"].fields == {"Meta.Title": 2.0}
    assert settings.weights == {"bm-25": 0.5}
    assert settings.cut.top_k == 7
    assert settings.filter == {"lang": ["en", "de"]}
    assert settings.rerank.model == "12"


def test_set_takes_tables_lists_quotes_and_new_legs():
    sets = ["legs.title.kind=dense", "weights.title=0.2", 'filter.x="1"', "rerank.text={title}", "weights.dense = 0"]
    settings = load(None, None, {}, sets).settings
    assert settings.legs["title"] == DenseLeg()
    assert settings.weights == {"lexical": 0.3, "dense": 0.0, "title": 0.2}
    assert settings.filter == {"x": "1"}
    assert settings.rerank.text == "{title}"
    assert load(None, None, {}, ["weights={lexical=1}"]).settings.weights == {"lexical": 1.0}


def test_a_secret_is_no_part_of_a_source_nor_of_an_error(write):
    loaded = load(None, None, {}, ["rerank.api_key=sk-very-secret"])
    assert str(loaded.source("rerank.api_key")) == "--set rerank.api_key"
    with pytest.raises(SettingsError, match=r"rerank\.api_key: expected text, got a list '•••'"):
        load(None, write("[rerank]\napi_key = ['sk-very-secret']"))


def test_relative_paths_belong_to_the_file_that_writes_them(write, tmp_path):
    user = write("[store]\npath = 'mine'\n[legs.lexical]\nsynonyms = 'syn.txt'\n", "home/user.toml")
    file = write("[legs.lexical]\nsynonyms = 'here.txt'\n", "work/c.toml")
    loaded = load(user, file, cwd=tmp_path)
    assert loaded.base_dir == tmp_path / "work"
    assert loaded.resolve(loaded.settings.store.path) == tmp_path / "home" / "mine"
    assert loaded.settings.legs["lexical"].synonyms == "here.txt"
    assert load(user).settings.store.path == "mine"
    at = load(None, file, {}, ["store.path=there"], cwd=tmp_path)
    assert at.resolve(at.settings.store.path) == tmp_path / "there"
    assert load(None, file, {"RANKSCOPE_STORE__PATH": "~/x"}, cwd=tmp_path).settings.store.path == "~/x"
    assert load(None, file, cwd=tmp_path).resolve("index") == tmp_path / "work" / "index"


def test_a_key_file_is_a_path_as_well(write, tmp_path):
    user = write("[rerank]\napi_key = 'file:key'\n", "home/user.toml")
    loaded = load(user, write("", "work/c.toml"))
    assert loaded.settings.rerank.api_key == f"file:{tmp_path / 'home' / 'key'}"
    assert load(user).settings.rerank.api_key == "file:key"


def test_a_missing_or_unreadable_file_is_one_error(tmp_path):
    with pytest.raises(SettingsError, match="there is no settings file") as caught:
        load(None, tmp_path / "none.toml")
    assert "config init" in caught.value.hint
    (tmp_path / "latin.toml").write_bytes(b"# caf\xe9\n")
    with pytest.raises(SettingsError, match="not UTF-8 at byte 5"):
        load(None, tmp_path / "latin.toml")
    with pytest.raises(SettingsError, match="Is a directory"):
        load(None, tmp_path)


def test_a_byte_order_mark_is_no_fault(tmp_path):
    (tmp_path / "bom.toml").write_bytes(b"\xef\xbb\xbf[cut]\r\ntop_k = 3\r\n")
    assert load(None, tmp_path / "bom.toml").settings.cut.top_k == 3


def test_decode_is_a_file_alone():
    assert decode({"cut": {"top_k": 3}}).cut.top_k == 3
    with pytest.raises(SettingsError, match=r"unknown setting cut.topk \(here\)"):
        decode({"cut": {"topk": 3}}, "here")


@pytest.mark.parametrize(
    ("text", "sets"),
    [
        ('[providers.vertex.options]\nproject = "acme"\n', []),
        ("", ["providers.vertex.options.project=acme"]),
    ],
)
def test_a_provider_of_which_only_a_map_is_written_is_there(text, sets, tmp_path):
    file = tmp_path / "some.toml"
    file.write_text(text)
    loaded = load(None, file, sets=sets)
    assert loaded.settings.providers["vertex"].options == {"project": "acme"}
    assert loaded.explicit("providers.vertex.options.project")
