"""Templates: fields only, blank lines of missing fields gone, a clear error for what is not there."""

from __future__ import annotations

import pytest

from engine.errors import SettingsError
from engine.ingest.template import Template
from engine.records import Document

DOCUMENT = Document("d", {"title": "T", "text": "one\n\ntwo", "meta.year": 1984, "tags": ["a", "b"], "blank": ""})


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("{title}\n{text}", "T\none\n\ntwo"),
        ("{missing}\n{title}", "T"),
        ("{title}\n{blank}\n{text}", "T\none\n\ntwo"),
        ("{title}\n\n{text}", "T\n\none\n\ntwo"),
        ("Title: {missing}\n{title}", "Title: \nT"),
        ("{meta.year} {tags}", "1984 a b"),
        ("{{{title}}} {{}}", "{T} {}"),
        ("plain", "plain"),
        ("", ""),
        ("{title.__class__}{title!r}", ""),
    ],
)
def test_fill(template: str, text: str) -> None:
    assert Template.parse(template).fill(DOCUMENT).text == text


def test_values_are_never_templates() -> None:
    document = Document("d", {"title": "{text} {0} {{"})
    assert Template.parse("{title}").fill(document).text == "{text} {0} {{"


@pytest.mark.parametrize("template", ["{", "}", "{}", "a {title", "title}", "{a{b}}", "{a\nb}"])
def test_lone_braces_are_refused(template: str) -> None:
    with pytest.raises(SettingsError, match=r"^rerank.text: column \d+ of .* is a lone [{}]") as caught:
        Template.parse(template, "rerank.text")
    assert caught.value.path == "rerank.text"


def test_check_names_the_nearest_field() -> None:
    template = Template.parse("{titel}\n{text}")
    assert template.fields == ("titel", "text")
    with pytest.raises(SettingsError, match="no field 'titel'") as caught:
        template.check(["title", "text"], "rerank.text")
    assert caught.value.hint == "did you mean {title}?"
    Template.parse("{title} {text} {title}").check(["title", "text"])


@pytest.mark.parametrize(
    ("limit", "text", "cut"),
    [(0, "T\none\n\ntwo", False), (9, "T\none\n\ntw", True), (100, "T\none\n\ntwo", False), (7, "T\none", True)],
)
def test_cut(limit: int, text: str, cut: bool) -> None:
    assert Template.parse("{title}\n{text}").fill(DOCUMENT, limit) == (text, cut)
