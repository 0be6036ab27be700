"""The standard library's docstrings, read from the interpreter that runs the tests."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from engine.ingest.base import Problem, ProblemKind, SourceDocument
from engine.ingest.demo import demo_qrels, demo_queries
from engine.ingest.python_docs import Entry, PythonDocs, merge, words
from engine.ingest.registry import open_source
from engine.records import Document

DOCUMENTED = [
    "os.path.join",
    "time.sleep",
    "threading.Event.wait",
    "re.match",
    "json.dumps",
    "pathlib.Path.read_text",
    "str.split",
    "asyncio.sleep",
    "collections.abc.Mapping",
    "random.randint",
    "os.getcwd",
    "open",
    "concurrent.futures.ThreadPoolExecutor",
    "socket.socket.recv",
    "io.IOBase.readline",
    "OSError",
    "datetime.datetime.now",
    "time",
    "typing.Optional",
    "unittest.mock.patch",
]
UNDOCUMENTED = [
    "posixpath.join",
    "ntpath.join",
    "builtins.str.split",
    "asyncio.tasks.sleep",
    "random.Random.randint",
    "posix.getcwd",
    "io.open",
    "socket.SocketType.recv",
    "threading.Thread.__init__",
    "antigravity",
    "this",
    "pathlib.PosixPath.read_text",
]


@pytest.fixture(scope="module")
def items() -> list[SourceDocument | Problem]:
    return list(open_source("python-docs").documents())


@pytest.fixture(scope="module")
def library(items: list[SourceDocument | Problem]) -> dict[str, Document]:
    return {item.document.id: item.document for item in items if isinstance(item, SourceDocument)}


def test_thousands_of_documents_and_no_problem(items: list[SourceDocument | Problem]) -> None:
    assert [str(item) for item in items if isinstance(item, Problem)] == []
    ids = Counter(item.document.id for item in items if isinstance(item, SourceDocument))
    assert len(ids) > 4000
    assert ids.most_common(1)[0][1] == 1


@pytest.mark.parametrize("name", DOCUMENTED)
def test_documented_names(library: dict[str, Document], name: str) -> None:
    assert library[name].text_of("text").strip()
    assert library[name].title == name


@pytest.mark.parametrize("name", UNDOCUMENTED)
def test_other_names_are_no_documents(library: dict[str, Document], name: str) -> None:
    assert name not in library


@pytest.mark.parametrize(
    ("name", "alias"),
    [("asyncio.sleep", "asyncio.tasks.sleep"), ("open", "io.open"), ("OSError", "IOError")],
)
def test_aliases_stay_with_the_document(library: dict[str, Document], name: str, alias: str) -> None:
    aliases = library[name].fields["aliases"]
    assert isinstance(aliases, list)
    assert alias in aliases
    assert alias in library[name].text_of("identifiers").split()


def test_no_alias_is_a_document(library: dict[str, Document]) -> None:
    aliases = {
        alias for d in library.values() if isinstance(d.fields["aliases"], list) for alias in d.fields["aliases"]
    }
    assert len(aliases) > 300
    assert aliases & library.keys() == set()


def test_no_boilerplate_and_no_address(library: dict[str, Document]) -> None:
    texts = [document.text_of("text") for document in library.values()]
    boilerplate = ("Alias for field", "Initialize self", "Return self==", "Return repr(self)", "Helper for pickle")
    assert [text for text in texts if text.startswith(boilerplate)] == []
    assert [d.id for d in library.values() if " at 0x" in d.text_of("signature")] == []


def test_fields(library: dict[str, Document]) -> None:
    document = library["threading.Event.wait"]
    assert set(document.fields) == set(PythonDocs.schema.fields)
    assert document.fields["kind"] == "method"
    assert document.fields["module"] == "threading"
    assert document.fields["signature"] == "(timeout=None)"
    assert document.text_of("identifiers").split()[:3] == ["threading", "Event", "wait"]
    assert library["str.split"].fields["signature"] == "(sep=None, maxsplit=-1)"
    assert library["ValueError"].fields["kind"] == "exception"
    assert library["collections.Counter"].fields["kind"] == "class"
    assert library["time"].fields["kind"] == "module"
    assert library["complex.real"].fields["kind"] == "property"


def test_the_order_never_varies() -> None:
    modules = ["functools", "os", "typing", "os.path", "dataclasses"]
    first = list(PythonDocs(modules).documents())
    assert first == list(PythonDocs(modules).documents())
    assert PythonDocs(modules).fingerprint() == PythonDocs(modules).fingerprint() != PythonDocs().fingerprint()


def test_modules_that_crash_hang_or_print_cost_only_themselves(tmp_path: Path) -> None:
    for name, code in {
        "a_crash": "import os\nos._exit(3)\n",
        "b_hang": "import time\ntime.sleep(60)\n",
        "c_print": (
            'import os\nprint("noise")\nos.write(1, b"noise\\n")\n'
            'def shout(words: str = "a") -> None:\n    """Say it."""\n'
        ),
        "d_raise": "raise RuntimeError('broken')\n",
        "e_exit": "raise SystemExit(0)\n",
        "f_missing": "import no_such_module\n",
        "g_stdin": "input()\n",
        "h_fine": '"""Last."""\n',
    }.items():
        (tmp_path / f"{name}.py").write_text(code)
    names = sorted(path.stem for path in tmp_path.glob("*.py"))
    items = list(PythonDocs(names, path=[tmp_path], module_seconds=2).documents())
    problems = {item.where: item for item in items if isinstance(item, Problem)}
    assert list(problems) == ["a_crash", "b_hang", "d_raise", "e_exit", "g_stdin"]
    assert {problem.kind for problem in problems.values()} == {ProblemKind.SKIPPED}
    assert "ended its interpreter (3)" in problems["a_crash"].text
    assert "longer than 2 s" in problems["b_hang"].text
    assert "RuntimeError: broken" in problems["d_raise"].text
    documents = {item.document.id: item.document for item in items if isinstance(item, SourceDocument)}
    assert list(documents) == ["c_print.shout", "h_fine"]
    assert documents["c_print.shout"].fields["signature"] == "(words: str = 'a') -> None"


def test_merge_prefers_the_name_that_users_write() -> None:
    def entry(name: str, module: str, distance: int = 0) -> Entry:
        return Entry(name, "posixpath:join", distance, "function", "Join.", "(a, *p)", module)

    (document,) = merge([entry("posixpath.join", "posixpath"), entry("os.path.join", "os.path")])
    assert document.id == "os.path.join"
    assert document.fields["aliases"] == ["posixpath.join"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("http.server.HTTPServer", ["http", "server", "HTTP", "Server"]),
        ("pathlib.Path.read_text", ["pathlib", "Path", "read", "text"]),
        ("hashlib.sha256", ["hashlib", "sha", "256"]),
    ],
)
def test_words(name: str, expected: list[str]) -> None:
    assert words(name) == expected


def test_demo_judgments_name_only_documents(library: dict[str, Document]) -> None:
    queries, qrels = demo_queries(), demo_qrels()
    assert [query.id for query in queries] == list(qrels)
    assert len({query.text for query in queries}) == len(queries) >= 60
    assert {name for judged in qrels.values() for name in judged} - library.keys() == set()
    for query, judged in qrels.items():
        assert max(judged.values()) == 3, query
        assert set(judged.values()) <= {0, 1, 2, 3}


def test_the_worker_runs_without_any_package() -> None:
    """It reads foreign interpreters as well, which have none of ours."""
    worker = Path(sys.modules["engine.ingest.python_docs"].__file__ or "").with_name("python_docs_worker.py")
    imports = [line.split()[1] for line in worker.read_text().splitlines() if line.startswith(("import ", "from "))]
    assert {name.partition(".")[0] for name in imports} <= set(sys.stdlib_module_names)
