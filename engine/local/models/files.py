"""What a model's folder holds: which files are missing, and what makes it this model and no other. Reads no weights."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from engine.errors import ModelError

CONFIG = "config.json"
WHAT_NAMES = "a model is a preset's name, a name of the hub (ORG/NAME) or a folder; `rankscope models` lists presets"
_SHARDS = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_WEIGHTS = ("model.safetensors", "pytorch_model.bin")
_TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "sentencepiece.bpe.model", "spm.model")
_TELLING = (CONFIG, "*/config.json", "modules.json", "config_sentence_transformers.json", "tokenizer.json")
_SAMPLE = 65_536
"""Bytes at each end of a file of weights that stand for the whole of it."""


_AGAIN = "fetch the model again: rankscope models fetch NAME"


def read_json(file: Path) -> Any:
    """The file's content. Raises ``ModelError`` where it is missing or no JSON."""
    try:
        return msgspec.json.decode(file.read_bytes())
    except OSError as error:
        raise ModelError(f"{file} cannot be read ({error.strerror})", kind="files", hint=_AGAIN) from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelError(f"{file} is damaged ({error})", kind="files", hint=_AGAIN) from error


def read_config(folder: Path) -> Mapping[str, Any]:
    """The model's ``config.json``. Raises ``ModelError``."""
    return _object(folder / CONFIG)


def _object(file: Path) -> dict[str, Any]:
    content = read_json(file)
    if not isinstance(content, dict):
        raise ModelError(f"{file} is damaged (no object)", kind="files", hint=_AGAIN)
    return content


def weight_files(folder: Path) -> list[Path]:
    """The files of weights that the model is loaded from, there or not; [] where nothing names any."""
    for index in _SHARDS:
        if (folder / index).is_file():
            shards = _object(folder / index).get("weight_map")
            if not isinstance(shards, dict) or not all(isinstance(name, str) for name in shards.values()):
                raise ModelError(f"{folder / index} is damaged (no weight_map)", kind="files", hint=_AGAIN)
            return [folder / name for name in sorted(set(shards.values()))]
    return [folder / name for name in _WEIGHTS if (folder / name).is_file()][:1]


def missing_files(folder: Path) -> tuple[str, ...]:
    """What a model needs and the folder lacks, in words; () where it is whole."""
    missing = [] if (folder / CONFIG).is_file() else [CONFIG]
    weights = weight_files(folder)
    missing += [] if weights else ["weights (model.safetensors)"]
    missing += [file.name for file in weights if not file.is_file()]
    missing += [] if any((folder / name).is_file() for name in _TOKENIZERS) else ["a tokenizer (tokenizer.json)"]
    return tuple(missing)


def check_folder(folder: Path) -> None:
    """Raises ``ModelError`` (kind ``files``) unless the folder holds a whole model."""
    if not folder.is_dir():
        raise ModelError(
            f"there is no folder {folder}",
            kind="files",
            hint=WHAT_NAMES,
        )
    if missing := missing_files(folder):
        raise ModelError(
            f"{folder} is no whole model: {', '.join(missing)} missing",
            kind="files",
            hint="save it with save_pretrained, tokenizer and all, or fetch it again",
        )


def revision_of(folder: Path) -> str:
    """What tells this model from another of the same name: the hub's commit for a snapshot of its cache, else
    ``sha256:`` and 16 digits of a sum over configuration, tokenizer and weights (the ends of each file stand for the
    whole)."""
    if folder.parent.name == "snapshots" and folder.parent.parent.name.startswith("models--"):
        return folder.name
    digest = hashlib.sha256()
    telling = [file for pattern in _TELLING for file in sorted(folder.glob(pattern))]
    for file in [*telling, *weight_files(folder)]:
        if file.is_file():
            size = file.stat().st_size
            digest.update(f"{file.relative_to(folder).as_posix()} {size}\n".encode())
            with file.open("rb") as stream:
                digest.update(stream.read(_SAMPLE))
                stream.seek(max(0, size - _SAMPLE))
                digest.update(stream.read(_SAMPLE))
    return f"sha256:{digest.hexdigest()[:16]}"
