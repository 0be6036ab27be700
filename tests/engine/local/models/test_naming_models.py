"""Presets, names, what the cache holds, and what is taken where nobody chooses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.local.models.cache import cache_folder, models, snapshot
from engine.local.models.catalogue import find, presets
from engine.local.models.files import check_folder, revision_of
from engine.local.models.pick import matching_reranker
from engine.local.models.resolve import locate, revised
from tests.tiny_models import HIDDEN

COMMIT = "ab" * 20


def model_in(folder: Path, weights: bytes = b"12345678") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"hidden_size": HIDDEN}))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(weights)
    return folder


def test_presets_are_complete_and_consistent() -> None:
    rows = presets()
    assert {"qwen3-reranker-0.6b", "minilm-l6", "minilm", "qwen3-embedding-0.6b"} <= set(rows)
    assert len({each.model for each in rows.values()}) == len(rows)
    for each in rows.values():
        assert each.licence in ("apache-2.0", "mit"), each.name
        assert (each.dimension > 0) == (each.role == "embedder"), each.name
        assert not each.reranker or rows[each.reranker].role == "reranker", each.name


@pytest.mark.parametrize(
    "name", ["minilm-l6", "cross-encoder/ms-marco-MiniLM-L6-v2", "Cross-Encoder/MS-marco-minilm-l6-v2"]
)
def test_preset_by_short_name_and_by_hub_name(name: str) -> None:
    place = locate(name, "reranker")
    assert place.name == "cross-encoder/ms-marco-MiniLM-L6-v2"
    assert place.preset is find("minilm-l6")
    assert place.folder is None


def test_any_hub_name_is_taken_as_it_is() -> None:
    place = locate("acme/rerank-v9.1_x", "reranker")
    assert (place.name, place.folder, place.preset) == ("acme/rerank-v9.1_x", None, None)


def test_folder_comes_before_the_hub_and_is_relative_to_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_in(tmp_path / "models" / "mine")
    assert locate("models/mine", "reranker", tmp_path).folder == tmp_path / "models" / "mine"
    assert locate("models/mine", "reranker").folder is None
    monkeypatch.setenv("HOME", str(tmp_path))
    assert locate("~/models/mine", "embedder").name == str(tmp_path / "models" / "mine")
    assert locate("./not-there", "embedder", tmp_path).folder == tmp_path / "not-there"


@pytest.mark.parametrize(
    ("name", "role", "message", "hint"),
    [
        ("minilm-l9", "reranker", "no model 'minilm-l9'", "did you mean 'minilm-l"),
        ("", "reranker", "no model for reranking is named", "rankscope models"),
        ("minilm", "reranker", "minilm is a model for embedding, not for reranking", "minilm-l6"),
        ("BAAI/bge-reranker-base", "embedder", "bge-reranker-base is a model for reranking", "bge-m3"),
    ],
)
def test_names_that_name_nothing(name: str, role: str, message: str, hint: str) -> None:
    with pytest.raises(ModelError) as caught:
        locate(name, role)  # type: ignore[arg-type]
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.kind == "unknown"


def test_cache_lists_whole_and_partial_models(tmp_path: Path) -> None:
    root = tmp_path / "models--acme--rerank--x"
    model_in(root / "snapshots" / COMMIT)
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text(COMMIT)
    broken = tmp_path / "models--acme--half" / "blobs"
    broken.mkdir(parents=True)
    (broken / "etag.incomplete").write_bytes(b"123")
    whole, half = sorted(models(tmp_path), key=lambda each: each.complete, reverse=True)
    assert (whole.model, whole.revision, whole.complete) == ("acme/rerank/x", COMMIT, True)
    assert (half.model, half.complete, half.partial) == ("acme/half", False, 3)
    (root / "snapshots" / COMMIT / "model.safetensors").unlink()
    found = snapshot(tmp_path, "acme/rerank/x", "main")
    assert found is not None
    assert found.missing == ("weights (model.safetensors)",)


def test_cache_finds_a_commit_by_its_beginning(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "models--acme--m" / "snapshots" / COMMIT)
    assert snapshot(tmp_path, "acme/m", COMMIT[:8]).folder == folder  # type: ignore[union-attr]
    assert snapshot(tmp_path, "acme/m", "v2") is None
    assert snapshot(tmp_path, "acme/m").folder == folder  # type: ignore[union-attr]


def test_shards_are_looked_for_one_by_one(tmp_path: Path) -> None:
    folder = model_in(tmp_path / "models--a--b" / "snapshots" / COMMIT)
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    index = {"weight_map": {"x": "model-00001-of-00002.safetensors", "y": "model-00002-of-00002.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    found = snapshot(tmp_path, "a/b")
    assert found is not None
    assert found.missing == ("model-00002-of-00002.safetensors",)


@pytest.mark.parametrize(
    ("setting", "environ", "expected"),
    [
        ("kept", {"HF_HOME": "/h"}, "/base/kept"),
        ("", {"HF_HUB_CACHE": "/c", "HF_HOME": "/h"}, "/c"),
        ("", {"HF_HOME": "/h"}, "/h/hub"),
        ("", {"XDG_CACHE_HOME": "/x"}, "/x/huggingface/hub"),
    ],
)
def test_cache_is_where_the_hub_s_own_tools_have_it(setting: str, environ: dict[str, str], expected: str) -> None:
    assert cache_folder(setting, environ, Path("/base")) == Path(expected)


def test_revision_tells_models_of_one_shape_apart(tmp_path: Path) -> None:
    first = revision_of(model_in(tmp_path / "a", b"1" * 200_000))
    assert first == revision_of(model_in(tmp_path / "b", b"1" * 200_000))
    assert first != revision_of(model_in(tmp_path / "c", b"1" * 199_999 + b"2"))
    assert first.startswith("sha256:")
    assert revision_of(tmp_path / "models--a--b" / "snapshots" / COMMIT) == COMMIT


@pytest.mark.parametrize(
    ("embedder", "reranker"),
    [
        ("local/Qwen/Qwen3-Embedding-0.6B", "qwen3-reranker-0.6b"),
        ("local/qwen3-embedding-4b", "qwen3-reranker-4b"),
        ("local/sentence-transformers/all-MiniLM-L6-v2@abc", "minilm-l6"),
        ("bge-m3", "bge-reranker-v2-m3"),
        ("static", "minilm-l6"),
    ],
)
def test_reranker_that_goes_with_an_embedder(embedder: str, reranker: str) -> None:
    assert matching_reranker(embedder) == reranker


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("minilm@main", ("minilm", "main")),
        ("BAAI/bge-m3@refs/pr/1", ("BAAI/bge-m3", "refs/pr/1")),
        ("minilm", ("minilm", "")),
        ("/data/me@work/mini", ("/data/me@work/mini", "")),
        ("./me@work/mini", ("./me@work/mini", "")),
        ("~/me@work", ("~/me@work", "")),
        ("here@work/mini", ("here@work/mini", "")),
    ],
)
def test_a_revision_is_of_the_hub_and_a_folder_may_have_the_sign(
    name: str, meant: tuple[str, str], tmp_path: Path
) -> None:
    (tmp_path / "here@work" / "mini").mkdir(parents=True)
    assert revised(name, tmp_path) == meant


def test_a_home_that_there_is_not_is_a_folder_that_there_is_not() -> None:
    with pytest.raises(ModelError, match=r"no model '~nobody-of-that-name/x'|no folder"):
        check_folder(locate("~nobody-of-that-name/x", "reranker").folder or Path())


@pytest.mark.parametrize("index", ["[]", "{}", '{"weight_map": {"a": 1}}', "{"])
def test_a_damaged_model_in_the_cache_is_one_that_lacks_something(index: str, tmp_path: Path) -> None:
    folder = model_in(tmp_path / "models--acme--broken" / "snapshots" / COMMIT)
    (folder / "model.safetensors.index.json").write_text(index)
    (found,) = models(tmp_path)
    assert not found.complete
    assert "is damaged" in found.missing[0]
    with pytest.raises(ModelError, match="is damaged"):
        check_folder(folder)
