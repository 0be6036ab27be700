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
_TASK = "Instruct: {}\nQuery:"
"""How models that take an instruction want it before the query (E5-Mistral, GTE-Qwen, Qwen3-Embedding)."""
_PASSAGE = ("document", "passage", "corpus")


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer after the pooling: ``kind`` is Dense or LayerNorm, ``folder`` has its weights."""

    kind: str
    folder: Path
    config: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Layout:
    """poolings     joined in this order
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
    folder gives none. Raises ``ModelError`` for a step that is not known here."""
    poolings: tuple[str, ...] = ("mean",)
    include_prompt, layers, normalize = True, [], False
    transformer = folder
    notes: tuple[str, ...] = ()
    if (folder / "modules.json").is_file():
        for module in read_json(folder / "modules.json"):
            kind, place = str(module["type"]).rpartition(".")[2], folder / module["path"]
            if kind == "Transformer":
                transformer = place
            elif kind == "Pooling":
                poolings, include_prompt = _pooling(read_json(place / "config.json"))
            elif kind in ("Dense", "LayerNorm"):
                layers.append(Layer(kind, place, read_json(place / "config.json")))
            elif kind == "Normalize":
                normalize = True
            elif kind != "Dropout":  # does nothing outside training
                raise ModelError(
                    f"{folder} has a step {kind!r}, which cannot be computed here",
                    kind="files",
                    hint="models of Transformer, Pooling, Dense, LayerNorm and Normalize can",
                )
    else:
        notes = ("no modules.json: the mean of the tokens is taken",)
    if transformer != folder:
        raise ModelError(f"{folder} keeps its transformer in {transformer.name}", kind="files", hint="name that folder")
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


def _pooling(config: Mapping[str, Any]) -> tuple[tuple[str, ...], bool]:
    mode = config.get("pooling_mode")
    if mode is None:
        mode = [name for key, name in POOLINGS.items() if config.get(key)] or ["mean"]
    modes = (mode,) if isinstance(mode, str) else tuple(mode)
    if unknown := [each for each in modes if each not in POOLINGS.values()]:
        raise ModelError(
            f"there is no pooling {unknown[0]!r}", kind="files", hint=f"known: {', '.join(POOLINGS.values())}"
        )
    return modes, bool(config.get("include_prompt", True))


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
