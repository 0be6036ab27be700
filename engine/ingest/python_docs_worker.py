"""Reads the docstrings of modules: a script for a plain interpreter of its own, standard library only.

Every line of standard input names a module, an empty one the root of all. The answer is one line of JSON on standard
output, ``{"module", "entries", "children", "error"}``: children are the public submodules, and error is '' unless the
module's own code failed. A module that this platform lacks has no entries and no error. An entry is one public name:

    id         the name as it is reached (``posixpath.join``; builtins without their module: ``str.split``)
    key        what the object is: entries of equal key and doc are one object under several names
    distance   0 for an attribute of its own class, else the steps up to the private base that defines it
    kind, doc, signature

Importing runs the modules' code, hence the process of its own: what modules print is thrown away, and a crash costs
one module.
"""

from __future__ import annotations

import builtins
import importlib
import inspect
import json
import os
import pkgutil
import re
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

SKIPPED_PARTS = frozenset({"test", "tests", "idlelib", "lib2to3", "distutils", "turtledemo", "pydoc_data"})
SKIPPED = frozenset({"antigravity", "this", "turtle", "tkinter.tix", "xxsubtype"})
"""Modules that open a browser, print or are no library; turtle repeats its classes as functions."""

BOILERPLATE = re.compile(
    r"Alias for field number \d+|Initialize self\.  See help|Create and return a new object|"
    r"list of weak references to the object|dictionary for instance variables|The type of the None singleton|"
    r"Create new instance of \w+\(|An enumeration\.|Abstract base class for generic types|"
    r"Python Character Mapping Codec|Deprecated AST node class|Helper for pickle|Internal function\.$"
)
DESCRIPTORS = (property, types.GetSetDescriptorType, types.MemberDescriptorType)
ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")

Entry = dict[str, Any]


def answer(name: str) -> dict[str, Any]:
    """Imports the module and lists its documented names and its public submodules."""
    entries: list[Entry] = []
    children: list[str] = []
    error = ""
    if not name:
        return {"module": "", "entries": [], "children": top_level_modules(), "error": ""}
    try:
        module = importlib.import_module(name)
        children = public_children(module)
        entries = list(module_entries(name, module))
    except ImportError:
        pass  # not on this platform
    except (Exception, SystemExit) as failure:
        error = f"{type(failure).__name__}: {failure}"
    return {"module": name, "entries": entries, "children": children, "error": error}


def public_children(module: types.ModuleType) -> list[str]:
    """Dotted names of a package's submodules; those of ``encodings`` are a hundred tables."""
    found = pkgutil.iter_modules(getattr(module, "__path__", []), f"{module.__name__}.")
    return [] if module.__name__ == "encodings" else sorted(child.name for child in found if is_library(child.name))


def top_level_modules() -> list[str]:
    """The standard library, with ``os.path`` in place of the other platforms' path modules."""
    foreign = "ntpath" if os.name == "posix" else "posixpath"
    return sorted({name for name in sys.stdlib_module_names if is_library(name)} - {foreign} | {"os.path"})


def is_library(name: str) -> bool:
    """Whether a module is a public one that may be imported."""
    parts = name.split(".")
    private = any(part.startswith("_") for part in parts)
    return not private and name not in SKIPPED and SKIPPED_PARTS.isdisjoint(parts)


def module_entries(name: str, module: types.ModuleType) -> Iterator[Entry]:
    """Every documented public name of the module, itself first."""
    if doc := own_doc(module):
        yield entry(name, f"module:{module.__name__}", "module", doc)
    prefix = "" if module is builtins else f"{name}."
    listed = getattr(module, "__all__", None)
    for attribute in sorted(set(listed) if listed is not None else vars(module)):
        value = getattr(module, attribute, None)
        if attribute.startswith("_") or isinstance(value, types.ModuleType):
            continue
        if listed is None and not is_home(module, value):
            continue
        if isinstance(value, type):
            yield from class_entries(prefix + attribute, value)
        elif doc := own_doc(value):
            kind = "function" if inspect.isroutine(value) or hasattr(value, "__wrapped__") else "object"
            yield entry(prefix + attribute, object_key(value, prefix + attribute), kind, doc, value)


def is_home(module: types.ModuleType, value: object) -> bool:
    """Whether a module without ``__all__`` means the value as its own: defined there, or in its private C half."""
    home: str = getattr(value, "__module__", None) or type(value).__module__
    return home == module.__name__ or home.startswith("_") or module is builtins


def class_entries(name: str, cls: type) -> Iterator[Entry]:
    """The class, its own documented attributes, and those of its private bases."""
    key = f"{cls.__module__}:{cls.__qualname__}"
    if doc := class_doc(cls):
        kind = "exception" if issubclass(cls, BaseException) else "class"
        yield entry(name, key, kind, doc, cls)
    seen: set[str] = set()
    for distance, owner in enumerate(cls.__mro__):
        if distance and is_public(owner):
            seen.update(vars(owner))
            continue
        owner_key = f"{owner.__module__}:{owner.__qualname__}"
        for attribute in sorted(vars(owner)):
            if attribute.startswith("_") or attribute in seen:
                continue
            seen.add(attribute)
            yield from attribute_entries(f"{name}.{attribute}", owner_key, owner, vars(owner)[attribute], distance)


def attribute_entries(name: str, owner_key: str, owner: type, raw: Any, distance: int) -> Iterator[Entry]:
    """A method, property or nested class as the class's dictionary holds it."""
    if isinstance(raw, type):
        if raw.__qualname__.startswith(owner.__qualname__ + ".") and not distance:
            yield from class_entries(name, raw)
        return
    inner = raw.__func__ if isinstance(raw, (classmethod, staticmethod)) else raw
    is_property = isinstance(raw, DESCRIPTORS) or type(raw).__name__ == "cached_property"
    if not (is_property or inspect.isroutine(inner)) or isinstance(inner, types.WrapperDescriptorType):
        return
    if not (doc := own_doc(inner)):
        return
    leaf = name.rpartition(".")[2] if is_property else getattr(inner, "__name__", "")
    key = f"{owner_key}.{leaf}"
    yield entry(name, key, "property" if is_property else "method", doc, None if is_property else inner, distance)


def is_public(cls: type) -> bool:
    """Whether a class can be named without an underscore, so that its methods are documented there."""
    return not any(part.startswith("_") for part in f"{cls.__module__}.{cls.__qualname__}".split("."))


def own_doc(value: Any) -> str:
    """The object's own docstring, cleaned; '' where it has none, inherits it from its type or holds boilerplate."""
    doc = getattr(value, "__doc__", None)
    if not isinstance(doc, str) or (doc == getattr(type(value), "__doc__", None)):
        return ""
    doc = inspect.cleandoc(doc).strip()
    return "" if BOILERPLATE.match(doc) else doc


def class_doc(cls: type) -> str:
    """The class's own docstring with that of its own ``__init__``; '' where it says no more than the signature."""
    doc = cls.__doc__ if "__doc__" in vars(cls) else None
    doc = inspect.cleandoc(doc).strip() if isinstance(doc, str) else ""
    if BOILERPLATE.match(doc) or re.fullmatch(rf"{re.escape(cls.__name__)}\(.*\)", doc):
        doc = ""
    init = vars(cls).get("__init__")
    init_doc = own_doc(init) if isinstance(init, types.FunctionType) else ""
    return doc if init_doc in doc else f"{doc}\n\n{init_doc}".strip()


def object_key(value: Any, name: str) -> str:
    """Equal for the same function under several names, also for a method bound to a module's hidden instance."""
    leaf = getattr(value, "__name__", name)
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, types.ModuleType):
        for cls in (owner if isinstance(owner, type) else type(owner)).__mro__:
            if leaf in vars(cls):
                return f"{cls.__module__}:{cls.__qualname__}.{leaf}"
    qualified = getattr(value, "__qualname__", "")
    if not qualified or "<" in qualified:
        return name
    return f"{getattr(value, '__module__', '')}:{qualified}"


def signature(name: str, value: Any, doc: str) -> str:
    """``(a, b=1)`` without ``self``, from the docstring's first line where that states it; '' where nobody knows."""
    first = doc.partition("\n")[0]
    if stated := re.match(rf"(?:\w+\.)?{re.escape(name.rpartition('.')[2])}(\(.*)", first):
        return stated[1]
    text = getattr(value, "__text_signature__", None)
    if isinstance(text, str):
        return re.sub(r"^\((\$\w+(, )?)?(/(, )?)?", "(", text)
    try:
        found = inspect.signature(value)
    except Exception:  # default values and annotations may hold any code
        return ""
    parameters = list(found.parameters.values())
    if parameters and parameters[0].name in ("self", "cls") and inspect.isroutine(value):
        found = found.replace(parameters=parameters[1:])
    return ADDRESS.sub("", str(found))


def entry(name: str, key: str, kind: str, doc: str, value: Any = None, distance: int = 0) -> Entry:
    call = signature(name, value, doc) if callable(value) else ""
    return {"id": name, "key": key, "distance": distance, "kind": kind, "doc": doc, "signature": call}


def main() -> None:
    """Answers requests until standard input ends. Modules' own output goes nowhere."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8", errors="backslashreplace")
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nowhere, descriptor)
    warnings.simplefilter("ignore")
    sys.argv = ["python"]
    for request in requests:
        print(json.dumps(answer(request.rstrip("\n"))), file=answers, flush=True)


if __name__ == "__main__":
    main()
