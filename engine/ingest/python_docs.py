"""The docstrings of the standard library of the running interpreter, one document per documented public name.

Modules are imported in interpreters of their own (``python_docs_worker``), two at a time; a module that crashes or
hangs its interpreter is a Problem. An object that several modules offer is one document under the name that its users
write; the other names are its ``aliases``.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue

import msgspec

from engine.errors import SourceError
from engine.ingest.base import Item, Problem, ProblemKind, SourceDocument, SourceSchema
from engine.ingest.lines import file_mark
from engine.records import Document

NAME = "python-docs"
FORMAT = 1
"""Raised when the same interpreter would give other documents, so that old builds are not resumed."""

ROOT = ""
"""The request whose children are the top-level modules."""

WORKERS = 2
MODULE_SECONDS = 30.0
EXIT_SECONDS = 5.0
PLUMBING = frozenset({"posix", "nt", "posixpath", "ntpath", "genericpath"})
"""Modules whose contents are documented as ``os`` and ``os.path``."""

SCHEMA = SourceSchema(
    text_fields={"title": "standard", "identifiers": "identifier", "text": "english"},
    keyword_fields=("kind", "module", "aliases", "signature"),
    embedding_template="{title}\n{identifiers}\n{text}",
)


class Entry(msgspec.Struct, frozen=True):
    """One public name, as the worker describes it."""

    id: str
    key: str
    distance: int
    kind: str
    doc: str
    signature: str
    module: str = ""


class Answer(msgspec.Struct, frozen=True):
    module: str
    entries: list[Entry]
    children: list[str]
    error: str


class PythonDocs:
    """The source ``python-docs``. ``modules`` (all), ``path`` (further folders to import from), ``python`` (another
    interpreter) and ``module_seconds`` (the time that one import may take) are for the curious."""

    name = NAME
    schema = SCHEMA

    def __init__(
        self,
        modules: Sequence[str] = (),
        path: Sequence[Path] = (),
        python: str = sys.executable,
        module_seconds: float = MODULE_SECONDS,
    ) -> None:
        if not python:
            raise SourceError("this Python does not know its own program, so no module can be read apart")
        self._modules = tuple(modules)
        self._path = tuple(path)
        self._python = python
        self._module_seconds = module_seconds

    def fingerprint(self) -> str:
        """Of the interpreter, the reader and what it was asked for."""
        return repr((NAME, FORMAT, sys.version, file_mark(Path(self._python)), self._modules, self._path))

    def count(self) -> int | None:
        """Unknown before the modules are read, which takes a second."""
        return None

    def documents(self) -> Iterator[Item]:
        """Problems first, then documents by module and name."""
        entries: list[Entry] = []
        for answer in self._answers():
            if isinstance(answer, Problem):
                yield answer
            else:
                entries += (msgspec.structs.replace(entry, module=answer.module) for entry in answer.entries)
        yield from (SourceDocument(document, f"{NAME}:{document.id}") for document in merge(entries))

    def _answers(self) -> Iterator[Answer | Problem]:
        """One answer per module, packages before their submodules."""
        pool: SimpleQueue[_Interpreter] = SimpleQueue()
        for _ in range(WORKERS):
            pool.put(_Interpreter(self._python, self._path, self._module_seconds))

        def ask(module: str) -> Answer | Problem:
            interpreter = pool.get()
            try:
                return interpreter.ask(module)
            finally:
                pool.put(interpreter)

        try:
            with ThreadPoolExecutor(WORKERS, thread_name_prefix=NAME) as threads:
                wave = list(self._modules) or [ROOT]
                while wave:
                    answers = list(threads.map(ask, wave))
                    yield from (_problem_of(answer) for answer in answers)
                    wave = [child for answer in answers if isinstance(answer, Answer) for child in answer.children]
        finally:
            for _ in range(WORKERS):
                pool.get().close()


def merge(entries: Sequence[Entry]) -> Iterator[Document]:
    """One document per object, under its best name, ordered by module and name."""
    names: dict[tuple[str, str], dict[str, Entry]] = defaultdict(dict)
    for entry in entries:
        names[entry.key, entry.doc].setdefault(entry.id, entry)
    groups = [sorted(group.values(), key=_preference) for group in names.values()]
    taken: dict[str, list[Entry]] = {}
    for group in sorted(groups, key=lambda group: (group[0].module, group[0].id)):
        taken.setdefault(group[0].id, group)
    for best, *others in taken.values():
        yield document_of(best, [other.id for other in others if _is_alias(other) and other.id not in taken])


def _is_alias(entry: Entry) -> bool:
    """Whether another name is worth keeping: not one of a subclass, nor of every method of a renamed class."""
    return not entry.distance and (entry.kind not in ("method", "property") or _own_name(entry))


def _own_name(entry: Entry) -> bool:
    """Whether the name, without its module, is how the object calls itself."""
    qualified = entry.key.partition(":")[2]
    return f".{qualified}".endswith(f".{entry.id.removeprefix(entry.module + '.')}")


def _preference(entry: Entry) -> tuple[bool, bool, int, int, bool, str]:
    """Sorts the names of one object, the one its users write first: not a platform's plumbing, under its own name
    (``socket.socket.recv``, not ``socket.SocketType.recv``), at the class nearest to its definition, the shortest path
    (``asyncio.sleep``, not ``asyncio.tasks.sleep``), in its own module."""
    plumbing = entry.id.partition(".")[0] in PLUMBING
    abroad = entry.module != entry.key.partition(":")[0]
    return plumbing, not _own_name(entry), entry.distance, entry.id.count("."), abroad, entry.id


def document_of(entry: Entry, aliases: list[str]) -> Document:
    """``identifiers`` holds the words of the name, its module and its aliases, for the analyser ``identifier``."""
    return Document(
        entry.id,
        {
            "title": entry.id,
            "signature": entry.signature,
            "text": entry.doc,
            "kind": entry.kind,
            "module": entry.module,
            "identifiers": " ".join(dict.fromkeys([*words(entry.id), entry.module, *aliases])),
            "aliases": aliases,
        },
    )


def words(name: str) -> list[str]:
    """``threading.HTTPServer.wait_for`` → threading HTTP Server wait for."""
    return re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)


def _problem_of(answer: Answer | Problem) -> Answer | Problem:
    if isinstance(answer, Answer) and answer.error:
        return Problem(answer.module, f"the module cannot be imported: {answer.error}", ProblemKind.SKIPPED)
    return answer


class _Interpreter:
    """A worker process, started at the first question and again after a crash."""

    def __init__(self, python: str, path: Sequence[Path], module_seconds: float) -> None:
        self._python = python
        self._path = [str(folder) for folder in path]
        self._module_seconds = module_seconds
        self._process: subprocess.Popen[str] | None = None

    def ask(self, module: str) -> Answer | Problem:
        """The worker's answer, or a Problem where it died or was killed for taking too long."""
        process = self._process = self._process or self._start()
        assert process.stdin
        assert process.stdout
        deadline = threading.Timer(self._module_seconds, process.kill)
        start = time.monotonic()
        deadline.start()
        try:
            process.stdin.write(module + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        finally:
            deadline.cancel()
        if line.endswith("\n"):
            return msgspec.json.decode(line, type=Answer)
        late = time.monotonic() - start >= self._module_seconds
        with suppress(subprocess.TimeoutExpired):
            process.wait(EXIT_SECONDS)  # its pipes close a moment before it has an exit code
        code = self.close()
        reason = f"took longer than {self._module_seconds:g} s" if late else f"ended its interpreter ({code})"
        return Problem(module, f"importing the module {reason}", ProblemKind.SKIPPED)

    def close(self) -> int | None:
        """Ends the process; its exit code."""
        process, self._process = self._process, None
        if process is None:
            return None
        with suppress(BrokenPipeError), process:
            process.kill()
        return process.returncode

    def _start(self) -> subprocess.Popen[str]:
        # -s -S -P: nothing but the standard library on the path; a fixed seed, so that reprs of sets never vary
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        environment |= {"PYTHONHASHSEED": "0", "PYTHONUTF8": "1", "PYTHONPATH": os.pathsep.join(self._path)}
        worker = Path(__file__).with_name("python_docs_worker.py")
        return subprocess.Popen(
            [self._python, "-s", "-S", "-P", str(worker)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=worker.parent,
            env=environment,
            encoding="utf-8",
        )
