"""What a folder in the manner of sentence-transformers says of its model, read without torch.

``modules.json`` lists the steps (Transformer, Pooling, Dense, LayerNorm, Normalize), each with a folder of its own
configuration; ``config_sentence_transformers.json`` has the prompts, ``sentence_bert_config.json`` the length. The
names and defaults are those of sentence-transformers 6 and of the forms that it still reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.errors import ModelError
from engine.local.models.catalogue import Preset
from engine.local.models.files import read_json

POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
"""Key of the older form → name, in the order in which several are joined."""
_WIDTHS = ("word_embedding_dimension", "embedding_dimension")
_TASK = "Instruct: {}\nQuery:"
"""How models that take an instruction want it before the query (E5-Mistral, GTE-Qwen, Qwen3-Embedding)."""
_PASSAGE = ("document", "passage", "corpus")
_ORDER = {"Transformer": 0, "Pooling": 1, "Dense": 2, "LayerNorm": 2, "Normalize": 3}
"""Steps that are computed here, and which come before which."""
_NO_MODE = "its Pooling names no mode: the mean of the tokens is taken, as sentence-transformers does"
_MEND = "fetch the model again, or name one that sentence-transformers loads as an embedder"


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer after the pooling: ``kind`` is Dense or LayerNorm, ``folder`` has its weights."""

    kind: str
    folder: Path
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """poolings     joined in this order; none where a ``modules.json`` has no Pooling
    include_prompt  whether the prompt's tokens are pooled with the text's
    max_tokens      0 where the files do not say
    query, passage  the prompts
    instruction     the one inside the query's prompt, '' for models that take none
    """

    poolings: tuple[str, ...] = ("mean",)
    include_prompt: bool = True
    layers: tuple[Layer, ...] = ()
    normalize: bool = False
    similarity: str = "cosine"
    max_tokens: int = 0
    lower: bool = False
    query: str = ""
    passage: str = ""
    instruction: str = ""
    notes: tuple[str, ...] = field(default=())

    def prompt(self, as_query: bool, instruction: str = "") -> str:
        """What stands before a text; an instruction of one's own counts where the model takes one."""
        if not as_query:
            return self.passage
        return _TASK.format(instruction) if instruction and self.instruction else self.query


def read_layout(folder: Path, preset: Preset | None = None) -> Layout:
    """The folder's layout; without ``modules.json`` the mean of the tokens. ``preset`` gives the prompts where the
    folder gives none. Raises ``ModelError`` for a step that is not known here, and for steps in an order that is not
    computed here."""
    poolings: tuple[str, ...] = ("mean",)
    include_prompt, layers, normalize = True, [], False
    notes: tuple[str, ...] = ()
    if (folder / "modules.json").is_file():
        steps = _steps(folder)
        poolings = ()
        for kind, place in steps:
            if kind == "Pooling":
                poolings, include_prompt, notes = _pooling(place / "config.json")
            elif kind in ("Dense", "LayerNorm"):
                layers.append(Layer(kind, place, read_json(place / "config.json")))
        normalize = any(kind == "Normalize" for kind, _ in steps)
    else:
        notes = ("no modules.json: the mean of the tokens is taken",)
    length, lower = _lengths(folder)
    own = read_json(_settings) if (_settings := folder / "config_sentence_transformers.json").is_file() else {}
    query, passage = _prompts(own.get("prompts") or {}, own.get("default_prompt_name"), preset)
    return Layout(
        poolings=poolings,
        include_prompt=include_prompt,
        layers=tuple(layers),
        normalize=normalize,
        similarity="dot" if own.get("similarity_fn_name") == "dot" else "cosine",
        max_tokens=length,
        lower=lower,
        query=query,
        passage=passage,
        instruction=_instruction(query),
        notes=notes,
    )


def _steps(folder: Path) -> list[tuple[str, Path]]:
    """The steps of ``modules.json`` as (kind, folder), without Dropout, which does nothing outside training. Raises
    ``ModelError`` for any that are not computed here."""
    modules = read_json(folder / "modules.json")
    try:
        found = [(str(each["type"]).rpartition(".")[2], folder / each["path"]) for each in modules]
    except (TypeError, KeyError):
        found = []
    if not found:
        raise ModelError(f"{folder / 'modules.json'} is damaged (no list of steps)", kind="files", hint=_MEND)
    steps = [(kind, place) for kind, place in found if kind != "Dropout"]
    kinds = [kind for kind, _ in steps]
    if unknown := [kind for kind in kinds if kind not in _ORDER]:
        raise ModelError(
            f"{folder} has a step {unknown[0]!r}, which cannot be computed here",
            kind="files",
            hint=f"models of {', '.join(_ORDER)} can",
        )
    pooled = kinds.index("Pooling") if "Pooling" in kinds else len(kinds)
    if {"Dense", "LayerNorm"} & set(kinds[:pooled]):
        raise ModelError(
            f"{folder} has layers for each token, as late-interaction models (ColBERT) have, and no single vector",
            kind="files",
            hint="name a model with one vector per text",
        )
    places = [_ORDER[kind] for kind in kinds]
    if places != sorted(places) or places.count(0) != 1 or places.count(1) > 1:
        raise ModelError(
            f"{folder} has the steps {', '.join(kinds)}, which cannot be computed here",
            kind="files",
            hint="one Transformer, one Pooling, then Dense and LayerNorm, and Normalize at the end can",
        )
    if steps[0][1] != folder:
        raise ModelError(f"{folder} keeps its transformer in {steps[0][1].name}", kind="files", hint="name that folder")
    return steps


def _pooling(file: Path) -> tuple[tuple[str, ...], bool, tuple[str, ...]]:
    """(modes, whether the prompt's tokens count, notes) of a Pooling's ``config.json``. Raises ``ModelError``."""
    config = read_json(file)
    if not isinstance(config, dict) or not {"pooling_mode", *_WIDTHS, *POOLINGS} & set(config):
        raise ModelError(f"{file} is no configuration of a Pooling", kind="files", hint=_MEND)
    mode = config.get("pooling_mode")
    if mode is None:
        mode = [name for key, name in POOLINGS.items() if config.get(key)]
    modes = (mode,) if isinstance(mode, str) else tuple(mode)
    if unknown := [each for each in modes if each not in POOLINGS.values()]:
        raise ModelError(
            f"there is no pooling {unknown[0]!r}", kind="files", hint=f"known: {', '.join(POOLINGS.values())}"
        )
    prompted = bool(config.get("include_prompt", True))
    return (modes, prompted, ()) if modes else (("mean",), prompted, (_NO_MODE,))


def _lengths(folder: Path) -> tuple[int, bool]:
    """(most tokens or 0, whether text is lower-cased first)."""
    for name in ("sentence_bert_config.json", "sentence_roberta_config.json", "sentence_xlm-roberta_config.json"):
        if (folder / name).is_file():
            config = read_json(folder / name)
            return int(config.get("max_seq_length") or 0), bool(config.get("do_lower_case"))
    return 0, False


def _prompts(named: Mapping[str, str], default: str | None, preset: Preset | None) -> tuple[str, str]:
    """(before a query, before a passage), as ``encode_query`` and ``encode_document`` of sentence-transformers."""
    fallback = named.get(default or "", "")
    query = named.get("query", fallback)
    passage = next((named[name] for name in _PASSAGE if name in named), fallback)
    if not query and not passage and preset:
        query = preset.query or (_TASK.format(preset.instruction) if preset.instruction else "")
        passage = preset.passage
    return query, passage


def _instruction(query: str) -> str:
    """The instruction inside a prompt of the form ``Instruct: …\\nQuery:``, '' for any other prompt."""
    before, _, after = _TASK.partition("{}")
    if query.startswith(before) and query.rstrip().endswith(after.strip()):
        return query.removeprefix(before).rstrip().removesuffix(after.strip()).strip()
    return ""
