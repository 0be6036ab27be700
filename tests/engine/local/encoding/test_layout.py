"""What a folder of sentence-transformers says of its model, and which folders say too little or something odd."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from engine.local.worker.encoding.layout import Layout, read_layout

MEAN = {"word_embedding_dimension": 8, "pooling_mode_mean_tokens": True}
DENSE = {"in_features": 8, "out_features": 4}


def folder(at: Path, *steps: str, pooling: Any = MEAN) -> Path:
    """A folder with these steps, each in a folder of its own."""
    modules = []
    for place, kind in enumerate(steps):
        path = "" if kind == "Transformer" else f"{place}_{kind}"
        (at / path).mkdir(exist_ok=True)
        (at / path / "config.json").write_text(json.dumps(pooling if kind == "Pooling" else DENSE))
        modules.append({"idx": place, "name": str(place), "path": path, "type": f"sentence_transformers.models.{kind}"})
    (at / "modules.json").write_text(json.dumps(modules))
    return at


def refused(at: Path) -> str:
    with pytest.raises(ModelError) as caught:
        read_layout(at)
    assert caught.value.hint
    assert caught.value.kind == "files"
    return caught.value.message


def test_the_usual_steps(tmp_path: Path) -> None:
    layout = read_layout(folder(tmp_path, "Transformer", "Pooling", "Dropout", "Dense", "LayerNorm", "Normalize"))
    assert (layout.poolings, layout.normalize, layout.notes) == (("mean",), True, ())
    assert [layer.kind for layer in layout.layers] == ["Dense", "LayerNorm"]


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        (("Transformer", "Pooling", "CNN"), "a step 'CNN'"),
        (("Transformer", "Pooling", "Pooling"), "the steps Transformer, Pooling, Pooling"),
        (("Transformer", "Pooling", "Normalize", "Dense"), "the steps Transformer, Pooling, Normalize, Dense"),
        (("Pooling", "Transformer"), "the steps Pooling, Transformer"),
        (("Pooling",), "the steps Pooling,"),
        (("Transformer", "Dense"), "layers for each token"),
        (("Transformer", "Dense", "Pooling"), "layers for each token"),
    ],
)
def test_steps_that_are_not_computed_are_refused(tmp_path: Path, steps: tuple[str, ...], words: str) -> None:
    assert words in refused(folder(tmp_path, *steps))


@pytest.mark.parametrize("content", ["{}", "[1]", '[{"type": "Transformer"}]', "not json"])
def test_damaged_steps_are_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "modules.json").write_text(content)
    assert "modules.json is damaged" in refused(tmp_path)


def test_a_pooling_is_not_guessed(tmp_path: Path) -> None:
    at = folder(tmp_path, "Transformer", "Pooling", pooling={"hidden_size": 8})
    assert "is no configuration of a Pooling" in refused(at)
    (at / "1_Pooling" / "config.json").unlink()
    assert "config.json cannot be read" in refused(at)
    assert "there is no pooling 'median'" in refused(
        folder(tmp_path, "Transformer", "Pooling", pooling={"pooling_mode": "median"})
    )


def test_a_pooling_without_a_mode_is_the_mean_and_says_so(tmp_path: Path) -> None:
    none = {"word_embedding_dimension": 8, "pooling_mode_cls_token": False, "pooling_mode_mean_tokens": False}
    layout = read_layout(folder(tmp_path, "Transformer", "Pooling", pooling=none))
    assert layout.poolings == ("mean",)
    assert "names no mode" in layout.notes[0]


def test_no_pooling_at_all_is_none(tmp_path: Path) -> None:
    assert read_layout(folder(tmp_path, "Transformer")).poolings == ()
    assert read_layout(folder(tmp_path, "Transformer", "Normalize")).poolings == ()


def test_a_folder_without_steps_is_the_mean_and_says_so(tmp_path: Path) -> None:
    assert read_layout(tmp_path) == Layout(notes=("no modules.json: the mean of the tokens is taken",))
