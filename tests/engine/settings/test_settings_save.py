"""Saving: comments and order kept, nothing lost in a crash, what is saved loads as what was shown."""

import os
import stat
import tempfile
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.errors import SettingsConflictError, SettingsError
from engine.files import write_atomically
from engine.settings import knobs
from engine.settings.load import Loaded, load
from engine.settings.merge import SourceKind
from engine.settings.save import difference, save
from engine.settings.schema import Settings

FILE = """\
# my settings
[store]
path = "index"  # mine

[rerank]
top_n = 5   # five
enabled = true
text = '''
{title}
'''

# about the legs
[legs.lexical]
k1 = 1
fields = { title = 2, "a.b" = 1.0 } # inline

# about the cut
[cut]
top_k = 0x0A
# the end
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "settings.toml"
    path.write_text(FILE)
    return path


def changed(file, values, **options):
    loaded = load(None, file)
    result = save(loaded, knobs.replace_all(loaded.settings, values), **options)
    assert load(None, file).settings == result.loaded.settings
    return result


def test_only_what_changed_is_touched(file):
    result = changed(file, {"rerank.top_n": 7, "legs.lexical.fields.title": 2.5, "cut.top_k": 12})
    expected = FILE.replace("top_n = 5 ", "top_n = 7 ").replace("title = 2,", "title = 2.5,").replace("0x0A", "12")
    assert file.read_text() == expected
    minus = [line for line in result.diff.splitlines() if line.startswith("-") and not line.startswith("---")]
    assert minus == ["-top_n = 5   # five", '-fields = { title = 2, "a.b" = 1.0 } # inline', "-top_k = 0x0A"]


def test_nothing_changed_writes_nothing(file):
    before = file.stat().st_mtime_ns, file.stat().st_ino
    result = changed(file, {})
    assert result.diff == ""
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == before


def test_new_keys_stand_in_their_table_and_comments_stay_with_theirs(file):
    changed(file, {"rerank.model": "m", "legs.lexical.b": 0.5, "cut.offset": 1, "fusion.combiner": "rrf"})
    expected = (
        FILE.replace("'''\n\n# about the legs", "'''\nmodel = \"m\"\n\n# about the legs")
        .replace("# inline\n", "# inline\nb = 0.5\n")
        .replace("0x0A\n", "0x0A\noffset = 1\n")
    )
    assert file.read_text() == expected + '\n[fusion]\ncombiner = "rrf"\n'


def test_entries_that_went_are_taken_away(file):
    changed(file, {"legs.lexical.fields": {"a.b": 1.0, "c": 3.0}})
    assert tomllib.loads(file.read_text())["legs"]["lexical"]["fields"] == {"a.b": 1.0, "c": 3.0}
    assert "# inline" in file.read_text()


def test_a_value_turned_back_to_its_default_keeps_its_line(file):
    changed(file, {"rerank.top_n": 50})
    assert "top_n = 50   # five\n" in file.read_text()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# only a comment\n",
        "rerank.top_n = 5 # dotted\nlegs.lexical.k1 = 1.0\nlegs.lexical.fields.title = 3.0\n",
        "rerank = { top_n = 5 }\nlegs = { lexical = { k1 = 1.0 } }\nweights = { lexical = 1.0, dense = 1 }\n",
        "[legs.lexical]\nk1 = 1.0\n[weights]\nlexical = 1\ndense = 2\n[legs.dense]\ntop_k = 5\n",
        "[legs.lexical]\n[legs.lexical.fields]\ntitle = 1\n[legs.dense]\n\n# tail",
        "[legs]\n  [legs.lexical]\n  k1 = 1.0\n    [legs.lexical.fields]\n    title = 1\n[rerank] # none\n# c\n[cut]\n",
        "[rerank]\r\ntop_n = 5 # windows\r\n\r\n# next\r\n[cut]\r\ntop_k = 3\r\n",
        "\ufeff[rerank]\ntop_n = 5",
        "[legs.lexical]\nk1 = 1.0\n\n[weights]\ndense = 1\nlexical = 1\n\n[legs.lexical.fields]\ntitle = 1.0\n",
    ],
)
def test_every_layout_can_be_edited(tmp_path, text):
    path = tmp_path / "s.toml"
    path.write_bytes(text.encode())
    values = {
        "rerank.top_n": 9,
        "rerank.model": 'a "b"\n\\',
        "rerank.auto": False,
        "legs.lexical.fields": {"title": 4.0, "x.y": 0.5},
        "legs.lexical.b": 0.1,
        "legs.dense.top_k": 77,
        "weights.dense": 0.55,
        "cut.threshold": 0.25,
        "filter": {"lang": ["en", "de"], "year": 2024, "ok": True},
    }
    changed(path, values)
    new = path.read_bytes().decode()
    for line in text.splitlines():
        if "#" in line:
            assert line.partition("#")[2] in new
    assert ("\r\n" in new) == ("\r\n" in text)
    assert "\n" not in new.replace("\r\n", "") or "\r\n" not in text
    assert new.startswith("\ufeff") == text.startswith("\ufeff")


def test_true_is_not_one(file):
    changed(file, {"filter": {"x": 1}})
    result = changed(file, {"filter.x": True})
    assert result.diff.endswith("-x = 1\n+x = true")


def test_a_new_file_holds_what_differs(tmp_path):
    loaded = load(tmp_path / "new" / "s.toml")
    result = save(loaded, knobs.replace(loaded.settings, "rerank.top_n", 7), header="tuned on cranfield\nndcg@10 0.4")
    assert result.path.read_text() == "# tuned on cranfield\n# ndcg@10 0.4\n\n[rerank]\ntop_n = 7\n"
    assert result.diff.startswith("--- /dev/null\n")
    assert result.loaded.source("rerank.top_n").kind is SourceKind.FILE
    assert result.loaded.source("rerank.auto").kind is SourceKind.DEFAULT
    assert save(result.loaded, result.loaded.settings).diff == ""


def test_the_difference_is_shown_before_and_changes_nothing(file):
    loaded = load(None, file)
    diff = difference(loaded, knobs.replace(loaded.settings, "rerank.top_n", 7), file)
    assert "-top_n = 5   # five\n+top_n = 7   # five\n" in diff
    assert file.read_text() == FILE


def test_values_of_the_users_file_are_carried_and_overruled(tmp_path, file):
    user = tmp_path / "user.toml"
    user.write_text("[rerank]\nweight = 0.9\n[cut]\noffset = 3\n")
    loaded = load(user, file, {"RANKSCOPE_CUT__THRESHOLD": "0.5"})
    result = save(loaded, knobs.replace(loaded.settings, "cut.offset", 0))
    written = tomllib.loads(file.read_text())
    assert written["rerank"]["weight"] == 0.9
    assert written["cut"] == {"top_k": 10, "offset": 0, "threshold": 0.5}
    assert load(user, file).settings == result.loaded.settings


def test_saved_elsewhere_relative_paths_are_rewritten(tmp_path, file):
    loaded = load(None, file)
    values = {"legs.lexical.synonyms": "syn/s.txt", "rerank.api_key": "file:key"}
    settings = knobs.replace_all(loaded.settings, values)
    result = save(loaded, settings, tmp_path / "sub" / "other.toml")
    elsewhere = load(None, result.path)
    assert elsewhere.settings.store.path == "../index"
    assert elsewhere.settings.rerank.api_key == "file:../key"
    assert elsewhere.resolve(elsewhere.settings.legs["lexical"].synonyms) == tmp_path / "syn" / "s.txt"
    assert file.read_text() == FILE
    absolute = save(loaded, knobs.replace(settings, "store.path", "/abs"), tmp_path / "sub" / "abs.toml")
    assert absolute.loaded.settings.store.path == "/abs"


def test_a_default_path_is_written_when_the_file_goes_elsewhere(tmp_path):
    loaded = load(tmp_path / "s.toml")
    result = save(loaded, loaded.settings, tmp_path / "sub" / "s.toml")
    assert tomllib.loads(result.path.read_text()) == {"store": {"path": "../index"}}


def test_a_file_changed_meanwhile_is_not_overwritten(file):
    loaded = load(None, file)
    settings = knobs.replace(loaded.settings, "rerank.top_n", 7)
    file.write_text(FILE + "# from an editor\n")
    with pytest.raises(SettingsConflictError, match="has changed on disk") as caught:
        save(loaded, settings)
    assert "reload" in caught.value.hint
    save(loaded, settings, overwrite=True)
    assert file.read_text() == FILE.replace("top_n = 5", "top_n = 7") + "# from an editor\n"
    result = save(load(None, file), settings)
    save(result.loaded, knobs.replace(settings, "rerank.top_n", 8))


def test_a_crash_between_writing_and_replacing_loses_nothing(file, monkeypatch):
    def crash(*_):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "replace", crash)
    with pytest.raises(SettingsError, match="Input/output error") as caught:
        changed(file, {"rerank.top_n": 7})
    assert "as it was" in caught.value.hint
    assert file.read_text() == FILE
    assert os.listdir(file.parent) == [file.name]


def test_permissions_stay_and_links_are_followed(tmp_path, file):
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file)
    loaded = load(None, link)
    save(loaded, knobs.replace(loaded.settings, "rerank.top_n", 7))
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert "top_n = 7" in file.read_text()


def test_write_atomically_makes_folders_and_obeys_the_umask(tmp_path):
    plain = tmp_path / "plain"
    plain.touch()
    target = tmp_path / "a" / "b" / "c"
    write_atomically(target, b"\x00\r\n")
    assert target.read_bytes() == b"\x00\r\n"
    assert target.stat().st_mode == plain.stat().st_mode


def test_a_plain_secret_from_outside_is_not_saved_and_never_shown(file):
    loaded = load(None, file, {"RANKSCOPE_RERANK__API_KEY": "sk-plain"})
    first = save(loaded, knobs.replace(loaded.settings, "rerank.top_n", 7))
    save(first.loaded, knobs.replace(first.loaded.settings, "rerank.top_n", 8))
    assert "sk-plain" not in file.read_text()
    loaded = load(None, file, {"RANKSCOPE_RERANK__API_KEY": "env:KEY"})
    save(loaded, loaded.settings)
    assert 'api_key = "env:KEY"' in file.read_text()
    file.write_text(file.read_text().replace("env:KEY", "sk-in-file"))
    loaded = load(None, file)
    diff = difference(loaded, knobs.replace(loaded.settings, "rerank.top_n", 9), file)
    assert "sk-in-file" not in diff
    assert "+top_n = 9" in diff


def test_without_a_file_there_is_nothing_to_save_to():
    with pytest.raises(SettingsError, match="no file to save to"):
        save(Loaded(Settings()), Settings())


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
numbers = st.floats(0, 10, allow_nan=False)
texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
some_settings = st.fixed_dictionaries(
    {},
    optional={
        "rerank.top_n": st.integers(1, 2048),
        "rerank.model": texts,
        "rerank.auto": st.booleans(),
        "rerank.quirks": st.lists(texts, max_size=3),
        "weights.dense": st.floats(0.1, 5),
        "legs.lexical.fields": st.dictionaries(names, numbers, min_size=1, max_size=4),
        "legs.lexical.b": st.floats(0, 1),
        "legs.dense.text": texts,
        "filter": st.dictionaries(names, texts | st.integers(-9, 9) | st.booleans() | st.lists(texts), max_size=3),
        "cut.offset": st.integers(0, 2048),
        "fusion.normalizer": st.sampled_from(knobs.KNOBS["fusion.normalizer"].choices),
    },
)


@settings(deadline=None, max_examples=40)
@given(some_settings, some_settings, st.sampled_from(["", FILE]))
def test_what_is_saved_loads_as_what_was_shown(first, second, start):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "s.toml"
        path.write_text(start)
        for values in (first, second):
            loaded = load(None, path)
            wanted = knobs.replace_all(loaded.settings, values)
            save(loaded, wanted)
            assert load(None, path).settings == wanted
