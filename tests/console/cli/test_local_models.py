"""``rankscope models``, and an index built and searched by a model on this machine."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from console.locations import locations
from console.resident import Resident, keep, residents
from engine.local.base import ModelInfo, ModelSpec
from engine.local.host import LocalHost
from tests import workers
from tests.console.cli.conftest import Cli
from tests.servers.hub import COMMIT, Hub, serving
from tests.tiny_models import HIDDEN, tiny_embedder, tiny_reranker


@pytest.fixture
def hub_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    return tmp_path / "hub"


def model_in(folder: Path, **config: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "tokenizer.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(bytes(2_000_000))
    return folder


def test_lists_presets_and_what_is_here(cli: Cli, hub_cache: Path) -> None:
    model_in(
        hub_cache / "models--cross-encoder--ms-marco-MiniLM-L6-v2" / "snapshots" / COMMIT,
        torch_dtype="float32",
        architectures=["BertForSequenceClassification"],
    )
    model_in(hub_cache / "models--acme--judge" / "snapshots" / COMMIT, architectures=["XForSequenceClassification"])
    model_in(hub_cache / "models--acme--chat" / "snapshots" / COMMIT, architectures=["XForCausalLM"])
    rows = {row["name"]: row for row in cli("models", "-o", "json").json}
    ours = rows["minilm-l6"]
    assert (ours["state"], ours["revision"], ours["dtype"], ours["missing"]) == ("cached", COMMIT, "fp32", [])
    assert ours["bytes"] > 2_000_000
    assert rows["minilm-l12"]["state"] == "absent"
    assert rows["acme/judge"]["role"] == "reranker"
    assert "acme/chat" not in rows
    here = cli("models", "--here")
    assert here.code == 0
    lines = here.out.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["name", "minilm-l6", "acme/judge"]
    assert "✓ 2 MB fp32" in lines[1]
    assert "2 models" in here.err


@pytest.mark.parametrize("config", ["[]", "{", '{"architectures": [1], "max_position_embeddings": "many"}'])
def test_a_damaged_model_in_the_cache_hides_no_other(cli: Cli, hub_cache: Path, config: str) -> None:
    folder = model_in(hub_cache / "models--BAAI--bge-m3" / "snapshots" / COMMIT)
    (folder / "config.json").write_text(config)
    (folder / "model.safetensors.index.json").write_text("[]")
    rows = {row["name"]: row for row in cli("models", "-o", "json").json}
    assert rows["bge-m3"]["state"] == "partial"
    assert "is damaged" in rows["bge-m3"]["missing"][0]


def test_names_pick_rows(cli: Cli, hub_cache: Path) -> None:
    rows = cli("models", "minilm", "BAAI/bge-m3", "-o", "json").json
    assert [row["name"] for row in rows] == ["minilm", "bge-m3"]
    wrong = cli("models", "minilm-l66")
    assert wrong.code != 0
    assert "there is no model 'minilm-l66'" in wrong.err
    assert "did you mean 'minilm-l6'?" in wrong.err


def test_fetch_downloads_and_says_how_to_use_it(process: Cli, hub_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"config.json": b"{}", "tokenizer.json": b'{"t": 1}', "model.safetensors": bytes(3_000_000)}
    with serving(Hub({"cross-encoder/ms-marco-MiniLM-L6-v2": files})) as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        got = process("models", "fetch", "minilm-l6")
        assert got.code == 0, got.err
    assert "rerank.model=minilm-l6" in got.err
    assert f"at {COMMIT[:12]}: 3 MB" in got.err
    assert process("models", "minilm-l6", "-o", "json").json[0]["state"] == "cached"


@pytest.mark.parametrize("switch", ["--offline", "--set=remote.offline=true"])
def test_offline_before_the_command_is_not_passed_over(cli: Cli, hub_cache: Path, switch: str) -> None:
    got = cli(switch, "models", "fetch", "minilm-l6")
    assert got.code == 3
    assert "nothing may leave this machine" in got.err


def test_a_folder_that_is_named_is_listed(cli: Cli, hub_cache: Path, tmp_path: Path) -> None:
    folder = model_in(tmp_path / "mine", dtype="bfloat16", architectures=["BertForSequenceClassification"])
    (row,) = cli("models", folder, "-o", "json").json
    assert (row["model"], row["role"], row["state"], row["dtype"]) == (str(folder), "reranker", "cached", "bf16")
    assert row["bytes"] > 2_000_000
    (folder / "model.safetensors").unlink()
    assert cli("models", folder, "-o", "json").json[0]["missing"] == ["weights (model.safetensors)"]
    missing = cli("models", tmp_path / "none")
    assert missing.code != 0
    assert "there is no folder" in missing.err


def test_a_hub_model_that_is_not_here_is_listed_as_absent(cli: Cli, hub_cache: Path) -> None:
    (row,) = cli("models", "acme/judge", "-o", "json").json
    assert (row["name"], row["state"]) == ("acme/judge", "absent")


@pytest.mark.parametrize("switch", ["--offline", "--set=remote.offline=true"])
def test_fetch_heeds_offline(cli: Cli, hub_cache: Path, switch: str) -> None:
    refused = cli("models", "fetch", "minilm-l6", switch)
    assert refused.code != 0
    assert "nothing may leave this machine" in refused.err


def test_fetch_of_a_folder_only_checks_it(cli: Cli, hub_cache: Path, tmp_path: Path) -> None:
    folder = model_in(tmp_path / "mine")
    assert "nothing to fetch" in cli("models", "fetch", str(folder)).err
    (folder / "model.safetensors").unlink()
    broken = cli("models", "fetch", str(folder))
    assert broken.code != 0
    assert "weights (model.safetensors) missing" in broken.err


async def test_loaded_models_are_seen_from_another_process(tmp_path: Path) -> None:
    host = LocalHost(command=workers.command())
    keep(host, tmp_path)
    await host.open_model(ModelSpec(role="reranker", model="plain"))
    (resident,) = residents(tmp_path)
    assert resident.worker == host.state.pid
    assert [model.model for model in resident.models] == ["plain"]
    assert resident.memory_bytes > 1_000_000
    await host.close()
    assert residents(tmp_path) == []
    assert os.listdir(tmp_path) == []


def test_list_shows_what_is_loaded_and_forgets_the_dead(cli: Cli, hub_cache: Path) -> None:
    import msgspec

    model = "sentence-transformers/all-MiniLM-L6-v2"
    info = ModelInfo(role="embedder", model=model, dtype="bf16", device="cuda:1", weights_bytes=45_000_000)
    folder = locations().cache
    folder.mkdir(parents=True, exist_ok=True)
    own = ModelInfo(role="reranker", model="/models/mine", dtype="fp32", device="cpu")
    (folder / "worker-1.json").write_bytes(msgspec.json.encode(Resident(os.getpid(), (info, own))))
    (folder / "worker-2.json").write_bytes(msgspec.json.encode(Resident(2**22 - 1, (info,))))
    (row,) = cli("models", "minilm", "-o", "json").json
    assert row["state"] == "loaded"
    assert [(each["dtype"], each["device"], each["worker"]) for each in row["loaded"]] == [
        ("bf16", "cuda:1", os.getpid())
    ]
    assert not (folder / "worker-2.json").exists()
    assert [row["state"] for row in cli("models", "-o", "json").json if row["name"] == "/models/mine"] == ["loaded"]
    assert "bf16 on cuda:1" in cli("models", "minilm").out.decode()


def test_builds_and_searches_with_the_index_s_own_embedder(cli: Cli, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    model = tiny_embedder(tmp_path / "model", "bert")
    corpus = tmp_path / "corpus.jsonl"
    texts = {"sleep": "Suspend the calling thread.", "long": "Join path segments. " * 200, "event": "Wait for a flag."}
    corpus.write_text("\n".join(json.dumps({"_id": name, "title": name, "text": text}) for name, text in texts.items()))
    index = str(tmp_path / "index")
    made = cli("index", str(corpus), "--into", index, "--embedder", f"local/{model}")
    assert made.code == 0, made.err
    assert "1 longer than the embedder sees" in made.err
    found = cli("search", "calling thread", "--index", index, "-o", "json", "--no-cache").json
    assert found["settings"]["legs"]["dense"]["embedder"] == f"local/{model}"
    stages = {stage["name"]: stage for stage in found["stages"]}
    assert (stages["embed"]["ran_on"], stages["dense"]["outcome"]["status"]) == ("worker", "ok")
    assert all("dense" in each["legs"] for each in found["results"])
    other = cli("search", "x", "--index", index, "--set", "legs.dense.embedder=static")
    assert other.code == 3
    assert f"are by local/{model}@sha256:" in other.err
    assert "--rebuild" in other.err
    model.rename(tmp_path / "moved")
    sets = ("--set", f"legs.dense.embedder=local/{tmp_path / 'moved'}")
    moved = cli("search", "calling thread", "--index", index, *sets, "--no-cache").json
    assert moved["results"] == found["results"], "the same files are the same model wherever they lie"
    (tmp_path / "moved" / "config.json").write_text((tmp_path / "moved" / "config.json").read_text() + "\n")
    (tmp_path / "moved").rename(model)
    changed = cli("search", "x", "--index", index)
    assert changed.code == 3
    assert "The files of that folder are others than they were" in changed.err


def test_doctor_asks_models_that_are_here(cli: Cli, hub_cache: Path, tmp_path: Path) -> None:
    pytest.importorskip("torch")
    judge, reader = tiny_reranker(tmp_path / "judge", "bert"), tiny_embedder(tmp_path / "reader@home", "bert")
    sets = ("--set", "rerank.provider=local", "--set", f"rerank.model={judge}")
    told = cli("doctor", "local", *sets, "--repeat", "2").out.decode()
    assert "✓ local models: torch " in told
    assert f"✓ reranker local, files: {judge}" in told
    assert f"reranker local: {judge} answered in " in told
    found = {
        each["what"]: each for each in cli("doctor", "-o", "json", "--set", f"legs.dense.embedder=local/{reader}").json
    }
    assert found[f"embedder local/{reader}, files"]["ok"]
    assert found[f"embedder local/{reader}"]["text"] == f"{HIDDEN} dimensions"
    (judge / "tokenizer.json").unlink()
    broken = cli("doctor", "local", *sets)
    assert broken.code == 1
    said = f"{judge} is no whole model: a tokenizer (tokenizer.json) missing"
    assert f"✗ reranker local, files: {said}" in broken.out.decode()


def test_doctor_downloads_no_model(cli: Cli, hub_cache: Path) -> None:
    found = {
        each["what"]: each for each in cli("doctor", "local", "--set", "rerank.model=minilm-l6", "-o", "json").json
    }
    files = found["reranker local, files"]
    assert files["ok"] is None
    assert "is not on this machine yet" in files["text"]
    assert files["hint"] == "rankscope models fetch cross-encoder/ms-marco-MiniLM-L6-v2"
    assert "reranker local" not in found
    assert not hub_cache.exists()
