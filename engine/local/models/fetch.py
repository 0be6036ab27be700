"""A model's files from the Hugging Face hub into its cache: resumable, with progress, every failure one sentence.

Called in the worker process, or from a command; huggingface_hub is imported only where something must be downloaded.
Downloads go file by file; one that was broken off goes on where it stopped.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from engine.errors import MissingExtraError, ModelError
from engine.local.base import ModelSpec
from engine.local.models.cache import Cached, cache_folder, model_folder, snapshot
from engine.local.models.files import check_folder
from engine.local.models.resolve import locate

Progress = Callable[[str, int, int], None]
"""(``download``, bytes done, bytes in all); may be called from another thread."""

_TICK_S = 0.2
_TIMEOUT_S = 15.0
_MODULE = re.compile(r"\d+_\w+/")
_TEXTS = (".json", ".txt", ".model")
_WEIGHTS = re.compile(r"model(-\d+-of-\d+)?\.safetensors")
_PICKLED = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin")
_WEB = ("httpx", "httpx2", "httpcore", "httpcore2", "requests", "urllib3")
"""Packages through which huggingface_hub's releases speak HTTP; their errors have no class of ours in common."""


def fetch(spec: ModelSpec, cache: Path | None = None, offline: bool = False, progress: Progress | None = None) -> Path:
    """The folder of the model's files: its own, or that of the cache, downloaded where it is not whole there.

    What is in the cache is taken as it is: the hub is not asked whether there is a newer one. Raises ``ModelError``.
    """
    place = locate(spec.model, spec.role)
    if place.folder is not None:
        check_folder(place.folder)
        return place.folder
    cache = cache or cache_folder()
    found = snapshot(cache, place.name, spec.revision)
    if found is not None and found.complete:
        return found.folder
    if offline or os.environ.get("HF_HUB_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
        there = f"only part of it ({', '.join(found.missing)} missing)" if found is not None and found.bytes else "not"
        raise ModelError(
            f"{place.name} is {there} on this machine, and nothing may be downloaded",
            kind="offline",
            hint=f"once online: rankscope models fetch {place.name}, or name a folder that holds the model",
        )
    return download(place.name, spec.revision, cache, progress or _silent)


def download(model: str, revision: str, cache: Path, progress: Progress, *, endpoint: str | None = None) -> Path:
    """Fetch what the cache lacks of the model's newest files at ``revision`` ('' the main branch).

    ``endpoint`` is another address of the hub. Raises ``ModelError``, ``MissingExtraError``.
    """
    try:
        from huggingface_hub import HfApi
    except ImportError as error:
        raise MissingExtraError(
            "huggingface_hub is not installed, so nothing can be downloaded", hint="pip install 'rankscope[local]'"
        ) from error
    branch, root = revision or "main", model_folder(cache, model)
    with _told(model, revision):
        about = HfApi(endpoint=endpoint).model_info(model, revision=branch, files_metadata=True, timeout=_TIMEOUT_S)
        commit, sizes = about.sha or branch, {each.rfilename: each.size or 0 for each in about.siblings or ()}
        names = wanted(sizes)
        total = sum(sizes[name] for name in names)
        _check_disk(model, cache, total, snapshot(cache, model, commit))
        with _ticking(root / "blobs", total, progress) as finished:
            for name in names:
                _get(model, name, commit, root, endpoint)
                finished(sizes[name])
        if branch != commit:
            reference = root / "refs" / branch
            reference.parent.mkdir(parents=True, exist_ok=True)
            reference.write_text(commit)
    found = snapshot(cache, model, commit)
    if found is None or not found.complete:
        lacks = ", ".join(found.missing) if found else "everything"
        raise ModelError(
            f"{model} on the hub is no model that can be loaded here: {lacks} missing",
            kind="files",
            hint="choose one that transformers loads, with safetensors and a tokenizer.json",
        )
    return found.folder


def _get(model: str, name: str, commit: str, root: Path, endpoint: str | None) -> None:
    """One file into the cache, going on where an earlier attempt stopped, even one that was killed.

    huggingface_hub's own ``hf_hub_download`` did so until its release 1; since then it begins anew in each process.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import WeakFileLock, build_hf_headers  # type: ignore[attr-defined]

    url = hf_hub_url(model, name, revision=commit, endpoint=endpoint)
    about = get_hf_file_metadata(url, timeout=_TIMEOUT_S)
    if not about.etag:
        raise ModelError(f"the hub does not identify {model}/{name}", kind="network", hint="is a proxy in between?")
    blob, pointer = root / "blobs" / about.etag, root / "snapshots" / commit / name
    lock = root.parent / ".locks" / root.name / f"{about.etag}.lock"
    if pointer.exists():
        return
    for file in (blob, pointer, lock):
        file.parent.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(lock):
        if not blob.exists():
            partial = blob.with_name(f"{about.etag}.incomplete")
            headers = build_hf_headers()
            if urlsplit(about.location).netloc != urlsplit(url).netloc:
                headers.pop("authorization", None)  # the store behind the hub has its own in the address
            with partial.open("ab") as stream:
                http_get(about.location, stream, resume_size=stream.tell(), headers=headers, expected_size=about.size)
            os.replace(partial, blob)
        _link(blob, pointer)


def _link(blob: Path, pointer: Path) -> None:
    """A snapshot's file: a relative link, or the file itself where the system has no links."""
    pointer.unlink(missing_ok=True)
    try:
        pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    except OSError:
        os.replace(blob, pointer)


def wanted(names: Iterable[str]) -> list[str]:
    """Of a repository's files those that a model is loaded from, small ones first: configurations, tokenizers and the
    weights in one form, safetensors where there are any; also of the folders of sentence-transformers' modules."""
    every = list(names)
    chosen: list[str] = []
    for folder in {"", *(found[0] for name in every if (found := _MODULE.match(name)))}:
        here = [name for name in every if name.startswith(folder) and "/" not in name.removeprefix(folder)]
        own = {name: name.removeprefix(folder) for name in here}
        weights = [name for name in here if _WEIGHTS.fullmatch(own[name])]
        weights = weights or [name for name in here if _PICKLED.fullmatch(own[name])]
        indexes = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
        texts = [
            name for name in here if name.endswith(_TEXTS) and (own[name] not in indexes or _index_of(weights, name))
        ]
        chosen += [*texts, *weights]
    return sorted(chosen, key=lambda name: (name.endswith((".safetensors", ".bin")), name))


def _index_of(weights: list[str], index: str) -> bool:
    """Whether the index is of these weights, and not of another form of them."""
    return bool(weights) and (".safetensors" in index) == weights[0].endswith(".safetensors")


def _silent(step: str, done: int, total: int) -> None:
    """Nobody is told."""


def _check_disk(model: str, cache: Path, total: int, found: Cached | None) -> None:
    there = (found.bytes + found.partial) if found else 0
    place = next(each for each in (cache, *cache.parents) if each.exists())
    free = shutil.disk_usage(place).free
    if total - there > free:
        raise ModelError(
            f"{model} takes {(total - there) / 1e9:.1f} GB, and {place} has {free / 1e9:.1f} GB free",
            kind="disk",
            hint="make room, or keep models elsewhere: local.cache_dir, or the variable HF_HOME",
        )


@contextmanager
def _ticking(blobs: Path, total: int, progress: Progress) -> Iterator[Callable[[int], None]]:
    """Tells of the bytes on disk a few times a second; yields what to call with the size of each file that is whole."""
    done, stop = 0, threading.Event()

    def tell() -> None:
        partial = sum(_size(file) for file in blobs.glob("*.incomplete"))
        progress("download", min(done + partial, total), total)

    def run() -> None:
        while not stop.wait(_TICK_S):
            tell()

    def finished(size: int) -> None:
        nonlocal done
        done += size
        tell()

    thread = threading.Thread(target=run, name="download-progress", daemon=True)
    thread.start()
    try:
        yield finished
    finally:
        stop.set()
        thread.join()


def _size(file: Path) -> int:
    """0 where the download has just ended and renamed it."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0


@contextmanager
def _told(model: str, revision: str) -> Iterator[None]:
    """Turns what huggingface_hub raises into ``ModelError``."""
    try:
        yield
    except ModelError:
        raise
    except Exception as error:  # its releases differ in what they derive from; anything unknown is raised as it came
        if (known := _as_model_error(error, model, revision)) is None:
            raise
        raise known from error


def _as_model_error(error: Exception, model: str, revision: str) -> ModelError | None:
    from huggingface_hub import errors as hub

    at = f" at revision {revision!r}" if revision else ""
    page = f"https://huggingface.co/{model}"
    if isinstance(error, hub.GatedRepoError):
        return ModelError(
            f"{model} is given only to those who accepted its terms",
            kind="gated",
            hint=f"accept them at {page}, then log in: hf auth login",
        )
    if isinstance(error, hub.RepositoryNotFoundError | hub.HFValidationError):
        return ModelError(
            f"the hub has no model {model}, or it is private",
            kind="unknown",
            hint="check the name, or log in: hf auth login; `rankscope models` lists presets",
        )
    if isinstance(error, hub.RevisionNotFoundError):
        return ModelError(f"{model} has no revision {revision!r}", kind="unknown", hint=f"see {page}/commits")
    if isinstance(error, hub.OfflineModeIsEnabled):
        return ModelError(
            f"{model} is not on this machine, and HF_HUB_OFFLINE forbids downloads", kind="offline", hint="unset it"
        )
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelError(f"the disk is full: {model} could not be written", kind="disk", hint="make room; it goes on")
    web = type(error).__module__.partition(".")[0] in _WEB
    if web or isinstance(error, hub.HfHubHTTPError | hub.LocalEntryNotFoundError | ConnectionError | TimeoutError):
        said = str(error).strip().partition("\n")[0]
        return ModelError(
            f"{model}{at} could not be downloaded: {said or type(error).__name__}",
            kind="network",
            hint="is the network there? What was downloaded stays, and the next attempt goes on from it",
        )
    return None
