"""The project's own rules, checked like everything else."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300)


@pytest.mark.parametrize(
    "command",
    [
        ("-m", "ruff", "check", "."),
        ("-m", "mypy"),
        ("-c", "import sys; from importlinter.cli import lint_imports_command as main; sys.exit(main())"),
    ],
    ids=["ruff", "mypy", "import contracts"],
)
def test_checks_are_clean(command: tuple[str, ...]) -> None:
    done = run(*command)
    assert done.returncode == 0, done.stdout + done.stderr


def loaded_after(statement: str) -> set[str]:
    """Top-level modules in memory after a statement, in an interpreter of its own."""
    done = run("-c", f"{statement}\nimport sys; print(*{{name.partition('.')[0] for name in sys.modules}})")
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


BEHIND_HTTPX = ("remote/client.py", "stores/elastic/node.py")
"""Modules that import httpx, which itself imports click and rich where they are installed, for its own command line."""


def alone(path: Path) -> bool:
    """Whether the module is for the worker process of local models, where torch is."""
    return path.is_relative_to(ROOT / "engine" / "local" / "worker") and path.parent.name != "worker"


def test_the_engine_loads_no_user_interface() -> None:
    modules = " ".join(
        f"import {'.'.join(path.relative_to(ROOT).with_suffix('').parts).removesuffix('.__init__')};"
        for path in sorted((ROOT / "engine").rglob("*.py"))
        if not path.stem.endswith("_worker") and not str(path).endswith(BEHIND_HTTPX) and not alone(path)
    )
    loaded = loaded_after(modules)
    assert "numpy" in loaded
    assert loaded & {"textual", "rich", "click", "console", "torch", "transformers", "wordllama"} == set()


def test_settings_and_errors_load_without_arrays() -> None:
    assert not loaded_after("import engine, engine.errors, engine.settings.load") & {"numpy", "textual", "tomlkit"}


def test_the_version_heads_the_changelog() -> None:
    import engine

    headings = [line for line in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8").splitlines() if line[:3] == "## "]
    assert engine.__version__ in headings[0]
