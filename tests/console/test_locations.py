"""Places: the user's folders, and what comes with the program."""

import os
from dataclasses import astuple
from pathlib import Path

import pytest

from console import locations as places
from engine.errors import SettingsError
from engine.settings.load import load


def test_home_moves_everything_and_makes_nothing(tmp_path):
    found = places.locations({"RANKSCOPE_HOME": str(tmp_path / "home")})
    names = [name for name in dir(found) if isinstance(getattr(found, name), Path)]
    assert len(names) >= 12
    for name in names:
        assert getattr(found, name).is_relative_to(tmp_path / "home"), name
    assert not (tmp_path / "home").exists()
    assert len(set(astuple(found))) == 4


def test_home_takes_a_tilde_and_a_relative_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert places.locations({"RANKSCOPE_HOME": "here"}).config == tmp_path / "here" / "config"
    assert places.locations({"RANKSCOPE_HOME": "~/x"}).config == Path.home() / "x" / "config"


def test_without_home_the_platform_says_where():
    found = places.locations({})
    assert "rankscope" in found.settings_file.parts
    assert found.config != found.cache


def test_made_makes_folders(tmp_path):
    assert places.made(tmp_path / "a" / "b").is_dir()
    assert places.made(tmp_path / "a" / "b") == tmp_path / "a" / "b"


def test_a_folder_that_cannot_be_made_is_one_error(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(SettingsError, match="cannot use the folder") as caught:
        places.made(tmp_path / "file" / "x")
    assert "RANKSCOPE_HOME" in caught.value.hint


def test_a_folder_that_cannot_be_written_is_one_error(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)
    with pytest.raises(SettingsError, match="it is not writable"):
        places.made(tmp_path)


def test_a_wheel_has_its_folders_inside(tmp_path, monkeypatch):
    package = tmp_path / "console"
    package.mkdir()
    monkeypatch.setattr(places, "_PACKAGE", package)
    assert places.themes_dir() == tmp_path / "themes"
    (package / "themes_data").mkdir()
    assert places.themes_dir() == package / "themes_data"


def test_shipped_folders_are_there():
    assert (places.sample_configs_dir() / "demo.toml").is_file()
    assert places.themes_dir().is_dir()


@pytest.mark.parametrize("file", sorted(places.sample_configs_dir().glob("*.toml")), ids=lambda file: file.name)
def test_every_sample_loads_and_explains_itself(file):
    loaded = load(None, file)
    assert loaded.explicit("weights")
    assert file.read_text().startswith("# ")
