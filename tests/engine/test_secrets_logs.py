"""Secrets are found where they are said to be, and are shown nowhere."""

import logging
import pickle
import sys
import types

import pytest

from engine import logs
from engine.errors import MissingExtraError, SettingsError, UsageError
from engine.secrets import MASK, Secret, is_reference, mask, register_secret, resolve, shown


def test_a_secret_shows_only_its_source():
    secret = Secret("sk-abcdef", "env:KEY")
    assert secret.reveal() == "sk-abcdef"
    for text in (str(secret), repr(secret), f"{secret}", f"{secret!r:>40}", "%s" % secret):  # noqa: UP031
        assert "sk-abcdef" not in text
    assert "env:KEY" in repr(secret)
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert not Secret("")
    assert Secret("a") == Secret("a", "elsewhere")


def test_each_reference_is_resolved(tmp_path):
    (tmp_path / "key").write_text("  sk-from-file \nnot this\n")
    assert resolve("env:KEY", environ={"KEY": "sk-from-env"}).reveal() == "sk-from-env"
    found = resolve("file:key", base_dir=tmp_path)
    assert (found.reveal(), found.source) == ("sk-from-file", "file:key")
    assert resolve(f"file:{tmp_path / 'key'}").reveal() == "sk-from-file"
    literal = resolve("sk-literal")
    assert (literal.reveal(), literal.source) == ("sk-literal", "settings")


@pytest.mark.parametrize(
    ("reference", "message", "hint"),
    [
        ("env:KEY", "env:KEY: the variable KEY is not set", "export KEY="),
        ("file:none", "No such file", "first line"),
        ("file:empty", "is empty", "first line"),
        ("file:latin", "not UTF-8", "first line"),
    ],
)
def test_a_reference_to_nothing_is_an_error(tmp_path, reference, message, hint):
    (tmp_path / "empty").write_text("\n")
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(SettingsError, match=message) as caught:
        resolve(reference, base_dir=tmp_path, environ={"KEY": ""})
    assert hint in caught.value.hint


def test_keyring_is_optional(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingExtraError) as caught:
        resolve("keyring:cohere")
    assert caught.value.hint == "pip install 'rankscope[keyring]'"


def test_keyring_is_asked_when_it_is_there(monkeypatch):
    asked = types.ModuleType("keyring")
    asked.get_password = lambda service, name: {"cohere": "sk-from-ring"}.get(name) if service == "rankscope" else None
    asked.errors = types.SimpleNamespace(KeyringError=RuntimeError)
    monkeypatch.setitem(sys.modules, "keyring", asked)
    assert resolve("keyring:cohere").reveal() == "sk-from-ring"
    with pytest.raises(SettingsError, match="the keyring has no jina"):
        resolve("keyring:jina")


@pytest.mark.parametrize(
    "text",
    [
        'api_key = "hush-hush"',
        "api_key='hush-hush'",
        "API-KEY: hush-hush",
        '{"api_key": "hush-hush", "n": 1}',
        "Authorization: Bearer hush-hush",
        "'authorization': 'Bearer hush-hush'",
        "https://user:hush-hush@host/index",
        "GET /v1?api_key=hush-hush&n=1",
        "COHERE_API_KEY=hush-hush",
        "x-token=hush-hush",
    ],
)
def test_what_stands_after_a_telling_name_is_masked(text):
    assert "hush" not in mask(text)
    assert MASK in mask(text)


@pytest.mark.parametrize(
    "text",
    ["max_tokens = 512", 'api_key = "env:KEY"', 'api_key = ""', "tokens: 5, secrets are kept", "http://host:80/x"],
)
def test_the_rest_stays_as_it_is(text):
    assert mask(text) == text


def test_a_registered_secret_is_masked_anywhere():
    register_secret("zq-9-unlikely")
    assert mask("GET /zq-9-unlikely/x") == f"GET /{MASK}/x"
    register_secret("abc")
    assert mask("abc") == "abc"


def test_a_setting_is_shown_only_where_it_is_a_reference():
    assert [shown(text) for text in ("", "env:KEY", "sk-1")] == ["", "env:KEY", MASK]
    assert not is_reference("env:")


def test_the_log_goes_to_its_file_masked_and_nowhere_else(tmp_path, capfd):
    path = tmp_path / "rankscope.log"
    log = logs.logger("engine.test")
    log.error("before: nobody listens")
    handler = logs.start(path, "info")
    try:
        assert not path.exists()
        log.debug("too fine")
        log.info("asked with %s and api_key=%s", Secret("sk-log-secret"), "plain-secret")
        try:
            raise ValueError("refused sk-log-secret")
        except ValueError:
            logs.logger("console.test").exception("failed")
    finally:
        logs.stop(handler)
    log.error("after")
    text = path.read_text()
    assert "INFO    engine.test: asked with" in text
    assert "Traceback" in text
    assert "refused •••" in text
    for absent in ("sk-log-secret", "plain-secret", "too fine", "before", "after"):
        assert absent not in text
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("engine").level == logging.NOTSET


def test_the_level_comes_from_the_environment():
    assert logs.level_of({}) == "warning"
    assert logs.level_of({"RANKSCOPE_LOG": " Debug "}) == "debug"
    with pytest.raises(UsageError, match="unknown level 'loud'") as caught:
        logs.level_of({"RANKSCOPE_LOG": "loud"})
    assert "debug, info, warning, error" in caught.value.hint
