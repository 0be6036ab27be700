"""Keys in the system's keyring, by the package ``keyring`` itself with a backend in memory."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli import run
from engine.errors import SettingsError
from engine.secrets import resolve, told_source

keyring = pytest.importorskip("keyring", reason="the package keyring (the extra of that name) is not installed")
KEY = "ring-key-0123456789"


@pytest.fixture(autouse=True)
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    from keyring.backend import KeyringBackend
    from keyring.errors import KeyringLocked

    class InMemory(KeyringBackend):
        priority = 1

        def __init__(self) -> None:
            super().__init__()
            self.kept = {("rankscope", "cohere"): KEY}

        def get_password(self, service: str, username: str) -> str | None:
            if username == "locked":
                raise KeyringLocked("the ring is locked")
            return self.kept.get((service, username))

        def set_password(self, service: str, username: str, password: str) -> None:
            self.kept[service, username] = password

        def delete_password(self, service: str, username: str) -> None:
            del self.kept[service, username]

    before = keyring.get_keyring()
    keyring.set_keyring(InMemory())
    monkeypatch.setenv("RANKSCOPE_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CO_API_KEY", raising=False)
    yield
    keyring.set_keyring(before)


def test_a_key_comes_out_of_the_ring() -> None:
    secret = resolve("keyring:cohere")
    assert secret.reveal() == KEY
    assert KEY not in f"{secret} {secret!r}"
    assert told_source(secret.source) == "keyring, entry cohere of rankscope"


def test_what_is_not_there_and_what_is_locked_say_so() -> None:
    with pytest.raises(SettingsError, match="keyring:jina: the keyring has no jina for rankscope") as caught:
        resolve("keyring:jina")
    assert caught.value.hint == "keyring set rankscope jina"
    with pytest.raises(SettingsError, match="keyring:locked: the ring is locked") as caught:
        resolve("keyring:locked")
    assert caught.value.hint == "unlock the keyring, or use env:NAME"


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (["rerank.api_key=keyring:cohere"], "keyring, entry cohere of rankscope"),
        (["rerank.api_key=file:/keys/cohere"], "file /keys/cohere"),
        (["rerank.api_key=env:MY_KEY"], "environment variable MY_KEY"),
        ([f"rerank.api_key={KEY}"], "the settings themselves"),
        ([], "environment variable CO_API_KEY"),
    ],
)
def test_config_show_says_where_a_key_is_and_not_the_key(
    settings: list[str], told: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    if not settings:
        monkeypatch.setenv("CO_API_KEY", KEY)
    sets = [part for one in ["rerank.provider=cohere", *settings] for part in ("--set", one)]
    assert run(["config", "show", "rerank", *sets]) == 0
    out = capfd.readouterr().out
    assert f"key: {told}" in out
    assert KEY not in out
    assert run(["config", "show", "rerank.api_key", *sets, "--json"]) == 0
    out = capfd.readouterr().out
    assert json.loads(out)[0]["key_from"] == told
    assert KEY not in out


def test_doctor_says_where_a_key_is_and_not_the_key(capfd: pytest.CaptureFixture[str]) -> None:
    sets = ["--set", "rerank.provider=cohere", "--set", "rerank.api_key=keyring:cohere", "--set", "remote.offline=true"]
    assert run(["doctor", "cohere", *sets]) == 1, "nothing may be asked"
    out = capfd.readouterr().out
    assert "✓ reranker cohere, key: keyring, entry cohere of rankscope" in out
    assert "offline" in out
    assert KEY not in out
