"""Who made the vectors of an index that Rankscope wrote: the files of the model decide, not the folder they lie in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from engine.embedders.base import EmbedContext
from engine.embedders.registry import make
from engine.errors import IndexMismatchError
from engine.executor import make_executor
from engine.settings.schema import DenseLeg, Settings, StoreSettings
from engine.stores.elastic.mapping import IndexShape, shape_of
from engine.stores.elastic.opening import check

STORE = StoreSettings(kind="elasticsearch", url="http://host:9200", index="docs")


def model(folder: Path, weights: str = "first") -> str:
    """A folder that passes for a model as long as nothing loads it; its name as an embedder."""
    folder.mkdir()
    for name, text in (("config.json", "{}"), ("model.safetensors", weights), ("tokenizer.json", "{}")):
        (folder / name).write_text(text)
    return f"local/{folder}"


def revision(name: str) -> str:
    return make(name, EmbedContext(make_executor())).info.revision


def shape(meta: Mapping[str, str], dimension: int = 8) -> IndexShape:
    fields = {"text": {"type": "text"}, "vector": {"type": "dense_vector", "dims": dimension}}
    mappings = {"properties": fields, "_meta": {"rankscope": meta}}
    return shape_of("docs", {"docs-000001": {"mappings": mappings, "settings": {}}}, 1)


def opened(embedder: str, index: IndexShape, *, explicit: tuple[str, ...] = (), text: str = DenseLeg().text) -> None:
    leg = DenseLeg(embedder=embedder, text=text)
    check(Settings(store=STORE, legs={"dense": leg}, weights={"dense": 1.0}), index, make_executor(), Path(), explicit)


def test_a_model_that_moved_is_the_same_and_another_in_its_folder_is_not(tmp_path: Path) -> None:
    name = model(tmp_path / "model")
    index = shape({"embedder": name, "revision": revision(name)})
    opened(name, index)
    (tmp_path / "model").rename(tmp_path / "moved")
    opened(f"local/{tmp_path / 'moved'}", index)
    other = model(tmp_path / "model", "second")
    with pytest.raises(IndexMismatchError, match=r"vectors of docs are by .*/model@sha256:") as told:
        opened(other, index)
    assert "The files of that folder are others than they were" in told.value.hint
    assert "--into elasticsearch:docs --url http://host:9200 --rebuild" in told.value.hint


def test_what_an_older_index_does_not_remember_is_not_compared() -> None:
    opened("static", shape({"embedder": "static"}, 256))
    with pytest.raises(IndexMismatchError, match=r"legs.dense.embedder is static@.*, but the vectors of docs are by x"):
        opened("static", shape({"embedder": "x"}, 256))
    with pytest.raises(IndexMismatchError, match="makes vectors of 256 dimensions, but those in vector of docs have 8"):
        opened("static", shape({}))


def test_the_embedded_text_is_that_of_the_index() -> None:
    index = shape({"embedder": "static", "template": "{text}"}, 256)
    opened("static", index)
    with pytest.raises(
        IndexMismatchError, match=r"legs.dense.text is '\{title\}', but the index docs embeds '\{text\}'"
    ):
        opened("static", index, explicit=("legs.dense.text",), text="{title}")
