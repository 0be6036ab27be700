"""What a model takes before it is loaded, and a refusal with numbers."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.errors import ModelError
from engine.local.models.memory import Need, check_memory, estimate, free_memory, parameters

GB = 10**9


def folder_of(path: Path, **config: object) -> Path:
    (path / "config.json").write_text(json.dumps(config))
    save_file(
        {"a": np.zeros((100, 30), np.float32), "b": np.zeros(7, np.float16)},
        path / "model.safetensors",
        {"format": "pt"},
    )
    return path


def test_weights_are_counted_from_the_header(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    assert parameters(folder) == 3007
    assert [estimate(folder, "reranker", dtype, 0).weights for dtype in ("fp32", "bf16", "int8")] == [12028, 6014, 6014]


def test_pickled_weights_are_counted_by_their_size(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"torch_dtype": "float16"}))
    (tmp_path / "pytorch_model.bin").write_bytes(bytes(2000))
    assert parameters(tmp_path) == 1000


def test_workspace_grows_with_the_budget_and_only_causal_rerankers_keep_a_prefix(tmp_path: Path) -> None:
    qwen = {
        "hidden_size": 1024,
        "intermediate_size": 3072,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "head_dim": 128,
    }
    folder = folder_of(tmp_path, **qwen)
    need = estimate(folder, "reranker", "bf16", 1024)
    assert need.prefix == 256 * 112 * 1024  # 112 KB a token in bf16, over 28 layers of 8 heads
    assert estimate(folder, "reranker", "bf16", 2048).workspace == 2 * need.workspace
    assert estimate(folder, "embedder", "bf16", 1024).prefix == 0
    assert need.total == need.weights + need.workspace + need.prefix


def test_damaged_weights_are_told(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)
    (folder / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(ModelError, match="no whole file of weights") as caught:
        parameters(folder)
    assert caught.value.kind == "files"


def test_refusal_has_the_numbers_and_what_would_fit() -> None:
    need = Need("reranker", "fp32", 32 * GB, 1 * GB, GB // 10)
    with pytest.raises(ModelError) as caught:
        check_memory("Qwen/Qwen3-Reranker-8B", need, 20 * GB, "cpu")
    assert caught.value.kind == "memory"
    assert caught.value.message == (
        "Qwen/Qwen3-Reranker-8B takes 33.1 GB in fp32 on cpu (weights 32.0, workspace 1.0, prefix 0.1), "
        "and 20.0 GB are free"
    )
    assert caught.value.hint == "what would fit: dtype bf16 (17.1 GB), qwen3-reranker-4b (17.2 GB)"


def test_int8_is_no_way_to_load_what_does_not_fit_in_bf16() -> None:
    with pytest.raises(ModelError) as caught:
        check_memory("Qwen/Qwen3-Reranker-8B", Need("reranker", "fp32", 32 * GB), 10 * GB, "cpu")
    assert "int8" not in caught.value.hint
    assert "dtype" not in caught.value.hint


def test_an_embedder_is_offered_no_int8_and_no_reranker() -> None:
    with pytest.raises(ModelError) as caught:
        check_memory("acme/large", Need("embedder", "bf16", 16 * GB), 8 * GB, "cuda")
    assert caught.value.hint == "what would fit: qwen3-embedding-0.6b (1.2 GB)"


def test_what_fits_passes_and_so_does_what_cannot_be_known() -> None:
    check_memory("m", Need("reranker", "fp32", GB), 2 * GB, "cpu")
    check_memory("m", Need("reranker", "fp32", 10**15), None, "mps")


def test_free_memory_of_this_machine_is_plausible() -> None:
    free = free_memory()
    assert free is None or 10**7 < free < 10**14
