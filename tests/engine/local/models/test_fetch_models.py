"""Fetching models from a hub: what is taken, resuming, and every failure as one sentence."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.errors import ModelError
from engine.local.base import ModelSpec
from engine.local.models.cache import models, snapshot
from engine.local.models.fetch import download, fetch, wanted
from tests.servers.hub import COMMIT, Hub, serving

WEIGHTS = os.urandom(300_000)
TINY = {
    "README.md": b"# a model",
    "config.json": b'{"model_type": "bert"}',
    "tokenizer.json": b"{}",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickled",
    "onnx/model.onnx": b"another form",
    "1_Pooling/config.json": b"{}",
}


@pytest.fixture
def hub() -> Iterator[Hub]:
    models = {"acme/tiny": TINY, "acme/empty": {"README.md": b""}}
    with serving(Hub(models, frozenset({"acme/gated"}))) as server:
        yield server


def get(hub: Hub, cache: Path, model: str = "acme/tiny", revision: str = "", progress: object = None) -> Path:
    return download(model, revision, cache, progress or (lambda *at: None), endpoint=hub.url)  # type: ignore[arg-type]


def failure(hub: Hub, cache: Path, model: str = "acme/tiny", revision: str = "") -> ModelError:
    with pytest.raises(ModelError) as caught:
        get(hub, cache, model, revision)
    assert caught.value.hint
    assert "\n" not in caught.value.message
    return caught.value


def test_download_fills_the_cache_as_the_hub_lays_it_out(hub: Hub, tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    folder = get(hub, tmp_path, progress=lambda *at: told.append(at))
    assert folder == tmp_path / "models--acme--tiny" / "snapshots" / COMMIT
    assert {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()} == {
        "config.json",
        "tokenizer.json",
        "model.safetensors",
        "1_Pooling/config.json",
    }
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert (folder.parent.parent / "refs" / "main").read_text() == COMMIT
    total = sum(
        len(TINY[name]) for name in ("config.json", "tokenizer.json", "model.safetensors", "1_Pooling/config.json")
    )
    assert told[-1] == ("download", total, total)
    assert [done for _, done, _ in told] == sorted(done for _, done, _ in told)
    assert [each.model for each in models(tmp_path)] == ["acme/tiny"]


def test_huggingface_hub_finds_what_was_downloaded(hub: Hub, tmp_path: Path) -> None:
    from huggingface_hub import scan_cache_dir, try_to_load_from_cache

    folder = get(hub, tmp_path)
    assert try_to_load_from_cache("acme/tiny", "config.json", cache_dir=tmp_path) == str(folder / "config.json")
    (repository,) = scan_cache_dir(tmp_path).repos
    assert repository.repo_id == "acme/tiny"
    ours = snapshot(tmp_path, "acme/tiny")
    assert ours is not None
    assert ours.bytes == repository.size_on_disk


def test_broken_download_goes_on_where_it_stopped(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 10_000)  # what a broken connection loses
    hub.cut["model.safetensors"] = 100_000
    assert failure(hub, tmp_path).kind == "network"
    broken = snapshot(tmp_path, "acme/tiny")
    assert broken is not None
    assert not broken.complete
    assert broken.partial == 100_000
    hub.mend()
    hub.ranges.clear()
    assert (get(hub, tmp_path) / "model.safetensors").read_bytes() == WEIGHTS
    assert hub.ranges == [f"bytes={broken.partial}-"]
    whole = snapshot(tmp_path, "acme/tiny")
    assert whole is not None
    assert (whole.complete, whole.partial) == (True, 0)


def test_second_fetch_asks_no_hub(hub: Hub, tmp_path: Path) -> None:
    folder = get(hub, tmp_path)
    spec = ModelSpec(role="embedder", model="acme/tiny")
    assert fetch(spec, tmp_path, offline=True) == folder


@pytest.mark.parametrize(
    ("model", "revision", "kind", "words"),
    [
        ("acme/none", "", "unknown", "no model acme/none"),
        ("acme/tiny", "v9", "unknown", "no revision 'v9'"),
        ("acme/gated", "", "gated", "accepted its terms"),
        ("acme/empty", "", "files", "no model that can be loaded"),
    ],
)
def test_what_the_hub_lacks(hub: Hub, tmp_path: Path, model: str, revision: str, kind: str, words: str) -> None:
    error = failure(hub, tmp_path, model, revision)
    assert error.kind == kind
    assert words in error.message


def test_no_network(tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        dead = Hub({})
        dead.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        error = failure(dead, tmp_path)
    assert error.kind == "network"
    assert "acme/tiny could not be downloaded" in error.message


def test_full_disk_is_told_before_the_first_byte(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda path: SimpleNamespace(free=100))
    error = failure(hub, tmp_path)
    assert error.kind == "disk"
    assert not list(tmp_path.rglob("*.incomplete"))


@pytest.mark.parametrize("variable", [True, False])
def test_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: bool) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1" if variable else "0")
    with pytest.raises(ModelError, match="not on this machine") as caught:
        fetch(ModelSpec(role="reranker", model="minilm-l6"), tmp_path, offline=not variable)
    assert caught.value.kind == "offline"
    assert "rankscope models fetch cross-encoder/ms-marco-MiniLM-L6-v2" in caught.value.hint


def test_folder_without_a_model(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(ModelError, match=r"no whole model: weights .* tokenizer") as caught:
        fetch(ModelSpec(role="reranker", model=str(tmp_path)))
    assert caught.value.kind == "files"


def test_wanted_takes_one_form_of_the_weights() -> None:
    shards = [f"model-0000{part}-of-00002.safetensors" for part in (1, 2)]
    chosen = wanted(
        [
            *("config.json", "tokenizer.json", "vocab.txt", "spm.model", "README.md", "training_args.bin"),
            *shards,
            *("model.safetensors.index.json", "pytorch_model.bin.index.json", "pytorch_model-00001-of-00001.bin"),
            *("2_Dense/config.json", "2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"),
            *("openvino/config.json", "onnx/model.onnx", "adapter_model.safetensors", "model.fp16.safetensors"),
        ]
    )
    assert set(chosen) == {
        *("config.json", "tokenizer.json", "vocab.txt", "spm.model", "model.safetensors.index.json"),
        *shards,
        *("2_Dense/config.json", "2_Dense/model.safetensors"),
    }
    assert chosen[-3:] == ["2_Dense/model.safetensors", *shards]


def test_wanted_takes_pickled_weights_where_there_are_no_others() -> None:
    assert wanted(["config.json", "pytorch_model.bin"]) == ["config.json", "pytorch_model.bin"]
