"""Writing an index: documents are staged durably, and a commit builds the next generation aside and moves it in.

Order of a commit: build ``gen-N.tmp`` and flush it, rename it to ``gen-N``, replace the manifest (the one step that
readers notice), drop the staging database, remove older generations. A process killed anywhere leaves either the old
index or the new one, and what was staged.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType

import msgspec
import numpy as np
import numpy.typing as npt

from engine.analysis import analyzers as registry
from engine.analysis.base import Analyzer
from engine.errors import IndexDamagedError, IndexMismatchError, IndexNotFoundError, StoreError
from engine.records import Document
from engine.stores.embedded.builder import Builder, Progress
from engine.stores.embedded.files import fsync_folder
from engine.stores.embedded.index import EmbeddedIndex
from engine.stores.embedded.lock import FileLock
from engine.stores.embedded.schema import (
    LOCK,
    MANIFEST,
    STAGING,
    IndexSpec,
    foreign_files,
    generation_folder,
    generation_number,
    read_manifest,
    write_manifest,
)
from engine.stores.embedded.staging import Staging, remove_staging

Vectors = npt.NDArray[np.float32]
_STAGED = "staging=2"
"""Form of the staging database: one that another release began in another form is not gone on with."""


class IndexWriter:
    """The one writer of an index folder, from construction to ``close`` (a context manager closes it).

    spec         what the index is built with; must be that of an existing index unless ``fresh``
    fresh        build the index anew from what is added; the old one stays in use until the commit
    fingerprint  of the source: a killed build with the same one goes on, ``staged`` documents later
    analyzers    name → analyser, for analysers that are not in the registry

    Raises ``IndexLockedError``, ``IndexMismatchError``, ``IndexDamagedError``. Closing without a commit keeps what is
    staged; ``discard`` throws it away.
    """

    def __init__(
        self,
        path: str | Path,
        spec: IndexSpec,
        *,
        fresh: bool = False,
        fingerprint: str = "",
        analyzers: Mapping[str, Analyzer] | None = None,
    ) -> None:
        self.path, self.spec = Path(path), spec
        self._analyzers = {
            field: (analyzers or {}).get(name) or registry.get(name) for field, name in spec.text_fields.items()
        }
        _refuse_foreign(self.path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._lock = FileLock(self.path / LOCK)
        self._base: EmbeddedIndex | None = None
        try:
            self._base = None if fresh else _existing(self.path, spec)
            self._clean_up()
            self._fingerprint = self._staging_key(fresh, fingerprint)
            self._staging: Staging | None = None
            if (self.path / STAGING).exists():
                self._stage()
        except BaseException:
            self._release()
            raise

    @property
    def staged(self) -> int:
        """Source documents that an unfinished build of the same source took in already: to be skipped."""
        return self._staging.taken if self._staging else 0

    @property
    def replaced(self) -> int:
        """Documents of this build that took the place of an earlier one of the same id within it."""
        return self._staging.replaced if self._staging else 0

    def __len__(self) -> int:
        """Documents staged and not yet committed."""
        return len(self._staging) if self._staging else 0

    def _stage(self) -> Staging:
        """The staging database, opened or begun when it is first needed."""
        if self._staging is None:
            self._staging = Staging(self.path, self._fingerprint)
        return self._staging

    def add(
        self, documents: Sequence[Document], vectors: Vectors | None = None, cut: npt.NDArray[np.bool_] | None = None
    ) -> None:
        """Takes in a batch, durably and as a whole; a document of the same id is replaced, the last wins.

        ``vectors`` is float32[len(documents), dimension], a row of NaN for none; None is none for any. ``cut`` marks
        those whose text was longer than the embedder sees. A replaced document stands where the new one came. Raises
        ``SourceError`` for a document that cannot be stored.
        """
        self._check_vectors(len(documents), vectors)
        self._stage().add(documents, vectors, cut)

    def delete(self, ids: Sequence[str]) -> None:
        """Removes documents, committed or staged; unknown ids are no error."""
        self._stage().delete(ids)

    def commit(self, progress: Progress = lambda done, total: None) -> int:
        """Makes everything staged the current generation and returns its number; unchanged, if nothing is staged."""
        staged = self._stage()
        if self._base and staged.empty:
            return self._base.generation
        number = self._next_number()
        folder = self.path / (generation_folder(number) + ".tmp")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        manifest = Builder(folder, self.spec, self._analyzers, self._base, staged).build(number, progress)
        fsync_folder(folder)
        os.replace(folder, self.path / manifest.folder)
        fsync_folder(self.path)
        write_manifest(self.path, manifest)
        self._drop_staging()
        if self._base:
            self._base.close()
        self._base = EmbeddedIndex.open(self.path)
        self._clean_up()
        self._fingerprint = self._staging_key(False, "")
        return number

    def discard(self) -> None:
        """Forgets what is staged."""
        self._drop_staging()

    def close(self) -> None:
        """Ends writing; an empty staging database is removed."""
        if self._staging and self._staging.empty:
            self._drop_staging()
        elif self._staging:
            self._staging.close()
        self._release()

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _drop_staging(self) -> None:
        if self._staging:
            self._staging.close()
        remove_staging(self.path)
        self._staging = None

    def _release(self) -> None:
        if self._base:
            self._base.close()
        self._lock.release()

    def _staging_key(self, fresh: bool, fingerprint: str) -> str:
        """What a staging database must have been begun with to be gone on with."""
        base = self._base.generation if self._base else 0
        spec = msgspec.json.encode(msgspec.structs.replace(self.spec, source="")).decode()
        return "\n".join((_STAGED, fingerprint, f"fresh={fresh}", f"base={base}", f"next={self._next_number()}", spec))

    def _next_number(self) -> int:
        """One more than any finished generation in the folder, current or not."""
        return max((number for number, tmp, _ in self._generations() if not tmp), default=0) + 1

    def _generations(self) -> list[tuple[int, bool, Path]]:
        """(number, half-built, folder) of every generation's folder."""
        found = ((generation_number(child.name), child) for child in self.path.iterdir())
        return [(number, child.suffix == ".tmp", child) for number, child in found if number is not None]

    def _clean_up(self) -> None:
        """Removes half-built generations, and every finished one but the current.

        Readers of an old one hold it open: POSIX lets it go under them; Windows refuses, and it goes next time.
        """
        try:
            current = read_manifest(self.path).folder
        except IndexNotFoundError:
            current = ""
        except IndexDamagedError:
            # rebuilding over what cannot be read: it goes once the new one is there
            return
        for _, _, folder in self._generations():
            if folder.name != current:
                shutil.rmtree(folder, ignore_errors=os.name == "nt")

    def _check_vectors(self, count: int, vectors: Vectors | None) -> None:
        if vectors is None:
            return
        embedding = self.spec.embedding
        if embedding is None:
            raise StoreError(f"The index {self.path} is built without vectors.")
        if vectors.shape != (count, embedding.dimension) or vectors.dtype != np.float32:
            raise StoreError(
                f"The vectors are {vectors.dtype}{list(vectors.shape)}; the index {self.path} takes "
                f"float32[{count}, {embedding.dimension}] from {embedding.name}."
            )


def _existing(path: Path, spec: IndexSpec) -> EmbeddedIndex | None:
    """The index to go on with, None where there is none yet. Raises ``IndexMismatchError`` for another spec."""
    try:
        base = EmbeddedIndex.open(path)
    except IndexNotFoundError:
        return None
    if not base.spec.same_as(spec):
        base.close()
        raise IndexMismatchError(
            f"The index {path} was built with other fields, analysers or embedder.",
            hint=f"Build it anew: {spec.rebuild_command(path)}",
        )
    return base


def _refuse_foreign(path: Path) -> None:
    """Raises ``IndexDamagedError`` where the folder holds somebody else's files and no index."""
    if path.is_file():
        raise IndexDamagedError(f"{path} is a file, not a folder.", hint="Name another folder with --into.")
    if not path.is_dir() or (path / MANIFEST).exists():
        return
    foreign = foreign_files(path)
    if foreign:
        raise IndexDamagedError(
            f"The folder {path} holds other files ({foreign[0]}) and no index.",
            hint="Name an empty folder, or one that does not exist yet, with --into.",
        )
