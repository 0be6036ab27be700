"""The rerankers that can be picked: groups, reasons, what a pick sets, what is found by a word."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.theme import BUILTIN_THEMES

from console.palette import palette_of
from console.rerankers import Group, RerankerRow, local_rows, matching, reranker_rows
from console.views_rerankers import heading_text
from console.widgets.lines import width_of
from engine.local.models.catalogue import presets
from engine.remote.offline import Place
from engine.rerankers.remote.providers import table
from engine.settings.schema import ProviderSettings, RemoteSettings, RerankSettings, Settings
from tests.corpus import changed

KEYS = {"CO_API_KEY": "sk-not-shown-anywhere"}
OWN = {
    "mine": ProviderSettings(base_url="http://localhost:9000/v1", models=["my-model"], price=2.0, price_unit="tokens")
}
SETTINGS = Settings(providers=OWN)


def rows(settings: Settings = SETTINGS, saved: Settings = SETTINGS, **environ: str) -> dict[str, RerankerRow]:
    found = reranker_rows(settings, saved, ("term", "local"), {**KEYS, **environ})
    assert [list(Group).index(row.group) for row in found] == sorted(list(Group).index(row.group) for row in found)
    return {row.id: row for row in found}


def test_every_reranker_is_there_in_its_group_with_what_it_lacks() -> None:
    found = rows()
    assert set(table()) <= set(found)
    assert found["term"].group is Group.HERE
    assert (found["cohere"].group, found["cohere"].missing) == (Group.READY, "")
    assert (found["cohere"].where, found["cohere"].place) == ("api.cohere.com", Place.INTERNET)
    assert "key: env:CO_API_KEY" in found["cohere"].account
    assert (found["voyage"].group, found["voyage"].missing) == (Group.LACKING, "needs VOYAGE_API_KEY")
    assert (found["tei"].missing, found["tei"].asks) == ("needs its address", "rerank.base_url")
    assert found["ollama"].group is Group.READY
    mine = found["mine"]
    assert (mine.group, mine.place, mine.price) == (Group.OWN, Place.MACHINE, "2 $ per M tokens")
    assert not any("sk-not-shown" in str(row) for row in found.values())


def test_local_models_have_a_row_each() -> None:
    wanted = {name for name, preset in presets().items() if preset.role == "reranker"}
    assert {row.model for row in local_rows()} == wanted
    assert {row.id for row in rows().values() if row.group is Group.LOCAL} == {f"local/{name}" for name in wanted}
    assert not any(row.group is Group.LOCAL for row in reranker_rows(SETTINGS, SETTINGS, ("term",), {}))


def test_a_local_model_says_whether_it_has_to_be_downloaded(tmp_path: Path) -> None:
    folder = tmp_path / "models--cross-encoder--ms-marco-MiniLM-L6-v2" / "snapshots" / ("0" * 40)
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")
    found = {row.model: row for row in local_rows((SETTINGS,), tmp_path)}
    assert not found["minilm-l6"].download
    assert found["minilm-l12"].download
    assert not found["minilm-l12"].missing
    found = {row.model: row for row in local_rows((SETTINGS,), tmp_path, offline=True)}
    assert not found["minilm-l6"].missing
    assert found["minilm-l12"].missing == "offline: it is not on this machine yet"


def test_offline_leaves_what_is_on_this_machine() -> None:
    found = rows(Settings(providers=OWN, remote=RemoteSettings(offline=True)))
    assert "offline" in found["cohere"].missing
    assert found["mine"].missing == ""
    trusted = RemoteSettings(offline=True, trusted_hosts=["api.cohere.com"])
    assert rows(Settings(remote=trusted))["cohere"].missing == ""


def test_a_pick_keeps_what_the_settings_have_for_the_provider_and_nothing_of_another() -> None:
    tei = RerankSettings(provider="tei", base_url="http://localhost:8080", api_key="env:TEI", model="bge")
    saved = Settings(rerank=tei)
    away = changed(saved, rerank={"provider": "term", "base_url": "", "api_key": "", "model": ""})
    back = rows(away, saved, TEI="a-key")["tei"]
    assert back.group is Group.READY
    assert rows(away, saved)["tei"].missing == "needs TEI"
    assert back.values(back.model) == {
        "rerank.enabled": True,
        "rerank.provider": "tei",
        "rerank.model": "bge",
        "rerank.revision": "",
        "rerank.base_url": "http://localhost:8080",
        "rerank.api_key": "env:TEI",
    }
    other = rows(saved, saved)["cohere"].values("rerank-v3.5")
    assert (other["rerank.base_url"], other["rerank.api_key"], other["rerank.model"]) == ("", "", "rerank-v3.5")


@pytest.mark.parametrize(
    ("words", "first"),
    [("coh", "cohere"), ("minilm l6", "local/minilm-l6"), ("MINE", "mine"), ("rerank-v3.5", "cohere")],
)
def test_words_find_by_name_model_and_use_what_begins_so_first(words: str, first: str) -> None:
    assert matching(tuple(rows().values()), words)[0].id == first


def test_nothing_is_found_by_words_that_no_row_has() -> None:
    assert matching(tuple(rows().values()), "zzz") == []


@pytest.mark.parametrize("width", [48, 66, 120])
def test_the_columns_fit_their_list(width: int) -> None:
    assert width_of(heading_text(palette_of(BUILTIN_THEMES["textual-dark"]), width).plain) <= width
