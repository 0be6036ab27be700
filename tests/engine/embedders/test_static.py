"""The static embedder against the package whose weights it reads."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from engine.embedders.base import EmbedContext
from engine.embedders.registry import make
from engine.embedders.static import StaticEmbedder
from engine.errors import SettingsError
from engine.executor import make_executor

TEXTS = ["wait a few seconds", "os.path.join(a, b)", "Ångström naïve 東京 🚀", "a" * 5000, "x", "tab\tnew\nline"]

ORACLE = """
import importlib.util, json, sys
from pathlib import Path
import numpy as np
from safetensors.numpy import load_file
from tokenizers import Tokenizer
from wordllama.inference import WordLlamaInference
folder = Path(importlib.util.find_spec("wordllama").submodule_search_locations[0])
model = WordLlamaInference(
    load_file(folder / "weights/l2_supercat_256.safetensors")["embedding.weight"],
    Tokenizer.from_file(str(folder / "tokenizers/l2_supercat_tokenizer_config.json")),
)
print(json.dumps(model.embed(json.load(sys.stdin), norm=True).tolist()))
"""


@pytest.fixture(scope="module")
def embedder() -> StaticEmbedder:
    return StaticEmbedder(make_executor())


def test_equals_wordllama(embedder: StaticEmbedder) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", ORACLE],
        input=json.dumps(TEXTS),
        capture_output=True,
        text=True,
        check=True,
    )
    expected = np.array(json.loads(done.stdout))
    vectors = embedder.encode(TEXTS)
    assert np.abs(vectors - expected).max() < 1e-6
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(TEXTS)), abs=1e-6)


def test_a_batch_gives_what_one_by_one_gives(embedder: StaticEmbedder) -> None:
    many = [f"text number {i} " * (i % 7 + 1) for i in range(600)]
    alone = np.vstack([embedder.encode([text]) for text in many])
    assert np.array_equal(embedder.encode(many), alone)


async def test_a_blank_text_has_no_vector(embedder: StaticEmbedder) -> None:
    assert await embedder.embed_query(" \n\t") is None
    vectors = await embedder.embed_documents(["", "word", "  "])
    assert np.isnan(vectors[[0, 2]]).all()
    assert not np.isnan(vectors[1]).any()


def test_an_unknown_embedder_names_the_known_ones() -> None:
    with pytest.raises(SettingsError, match=r"legs\.dense\.embedder.*'statik'") as caught:
        make("statik", EmbedContext(make_executor()))
    assert "static" in caught.value.hint
