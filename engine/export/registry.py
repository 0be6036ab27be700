"""Where settings can be exported to, by name. A new target is a file beside this and a row here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from engine.errors import SettingsError
from engine.export import curl, elasticsearch, opensearch, python, ragflow, render
from engine.export.base import VECTOR_FIELD, Change, Export, Form, Request, Wish, express
from engine.export.clauses import Dialect
from engine.export.scale import LINES
from engine.fusion.lookup import find
from engine.settings.schema import DenseLeg


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine with its forms. ``fallback`` names the one that goes with a combiner, '' for any other."""

    name: str
    label: str
    forms: Sequence[Form]
    fallback: dict[str, str]
    dialect: Dialect | None = None


ENGINES: dict[str, Engine] = {
    engine.name: engine
    for engine in (
        Engine(
            "elasticsearch", "Elasticsearch", elasticsearch.FORMS, {"rrf": "rrf", "": "linear"}, elasticsearch.DIALECT
        ),
        Engine("opensearch", "OpenSearch", opensearch.FORMS, {"rrf": "rrf", "": "hybrid"}, opensearch.DIALECT),
        Engine("ragflow", "RAGFlow", ragflow.FORMS, {"": "retrieval"}),
    )
}


_FAR = 10
"""What another combiner weighs among obstacles: more than all else."""


@dataclass(frozen=True, slots=True)
class Target:
    """``engine`` is the one that it is for, '' for any that has a dialect; ``suffix`` of a file."""

    name: str
    summary: str
    suffix: str
    language: str
    engine: str
    text: Callable[[Export, Wish, Engine], str]


def _body(export: Export, wish: Wish, engine: Engine) -> str:
    return render.as_json(export.body) + "\n"


def _curl(export: Export, wish: Wish, engine: Engine) -> str:
    return curl.text(export, export.settings.store)


def _python(export: Export, wish: Wish, engine: Engine) -> str:
    assert engine.dialect is not None
    return python.text(export, wish, engine.dialect)


TARGETS: dict[str, Target] = {
    target.name: target
    for target in (
        Target("elasticsearch", "a search body for Elasticsearch", ".json", "json", "elasticsearch", _body),
        Target("opensearch", "a query and its search pipeline for OpenSearch", ".json", "json", "opensearch", _body),
        Target("ragflow", "the settings of RAGFlow's retrieval", ".json", "json", "ragflow", _body),
        Target("python", "a program that embeds, asks and prints", ".py", "python", "", _python),
        Target("curl", "the request as a shell command", ".sh", "bash", "", _curl),
    )
}


@dataclass(frozen=True, slots=True)
class Exported:
    """A target's text, and what to know of it.

    changes  what differs from the settings, in order
    notes    what to know
    search   the request itself; setup  requests to be made once before
    """

    target: Target
    engine: str
    form: Form
    text: str
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    search: Request
    setup: tuple[Request, ...]


def export(wish: Wish, target: str, *, engine: str = "", form: str = "", nearest: bool = False) -> Exported:
    """The settings as a target's text.

    engine, form  '' for what suits: the settings' own engine, the first form that expresses them
    Raises ``SettingsError`` for an unknown name, and for what cannot be expressed, with the nearest that can.
    """
    where = find(TARGETS, target, "--to")
    chosen = engine_for(where, wish, engine)
    asked = replace(wish, program=where.name == "python")
    made = express_in(chosen, asked, form, nearest=nearest)
    bare = asked.given is None and not asked.program
    notes = (*(_placeholders(asked, chosen) if bare else ()), *_mapping(asked, chosen), *made.notes)
    text = where.text(made, asked, chosen)
    return Exported(where, chosen.name, made.form, text, made.changes, notes, made.search, made.setup)


def engine_for(target: Target, wish: Wish, engine: str = "") -> Engine:
    """The engine that a target is for."""
    own = wish.settings.store.kind
    name = target.engine or engine or (own if own in ENGINES else "elasticsearch")
    chosen = find(ENGINES, name, "--engine")
    if target.name == "python" and chosen.dialect is None:
        raise SettingsError(f"there is no program for {chosen.label}", hint="--to curl sends its request")
    return chosen


def express_in(engine: Engine, wish: Wish, form: str = "", *, nearest: bool = False) -> Export:
    """The wish in the form named, or in the one that suits. Raises ``SettingsError``."""
    forms = {each.name: each for each in engine.forms}
    chosen = find(forms, form, "--form") if form else _suiting(engine, wish)
    if wish.version is not None and wish.version < chosen.since:
        since = ".".join(map(str, chosen.since))
        raise SettingsError(f"{engine.label} has {chosen.label} from {since}", hint="--form names another")
    otherwise = "" if form else _for_one_query(engine, wish) + _in_newer_ones(engine, wish)
    return express(engine.name, engine.label, chosen, wish, nearest=nearest, otherwise=otherwise)


def _for_one_query(engine: Engine, wish: Wish) -> str:
    """The way out where only the query is missing."""
    barred = [each.path for each in engine.forms[0].obstacles(wish)]
    if wish.given is not None or "fusion.normalizer" not in barred or wish.settings.fusion.normalizer not in LINES:
        return ""
    also = " (but for the rest)" if len(barred) > 1 else ""
    return f". For one QUERY, or as python, {engine.forms[0].label} expresses the normalizer{also}"


def _in_newer_ones(engine: Engine, wish: Wish) -> str:
    """The way out that a newer version has."""
    newer = (form for form in engine.forms if wish.version is not None and wish.version < form.since)
    able = next((form for form in newer if not [*form.obstacles(wish)]), None)
    since = ".".join(map(str, able.since)) if able else ""
    return f". {engine.label} {since} expresses it by {able.label}" if able else ""


def _suiting(engine: Engine, wish: Wish) -> Form:
    """The form with the fewest obstacles; of several, and where none has the combiner, the one that goes with it. Of
    those that the version has, if it has any."""
    had = [form for form in engine.forms if wish.version is None or wish.version >= form.since] or engine.forms
    own = engine.fallback.get(wish.settings.fusion.combiner, engine.fallback[""])
    barred = {
        form.name: sum(_FAR if each.path == "fusion.combiner" else 1 for each in form.obstacles(wish))
        for form in had
        if len(wish.active()) >= form.least_legs
    }
    least = min(barred.values())
    fewest = [form for form in had if barred.get(form.name) == least or (least >= _FAR and form.name == own)]
    return next((form for form in fewest if least and form.name == own), fewest[0])


def _placeholders(wish: Wish, engine: Engine) -> list[str]:
    """What stands for the query in a body that is for no query."""
    said = ["{{query}} stands for the query's text"]
    for name, leg in wish.active().items():
        if leg.kind == "dense" and engine.dialect is not None:
            field = wish.shape.vector_field(leg.field, name).name
            said.append(
                f"{{{{query_vector}}}} stands for the query's vector by the embedder {leg.embedder} (leg {name}), "
                f"compared with the field {field}"
            )
    return said


def _mapping(wish: Wish, engine: Engine) -> list[str]:
    """What the engine's index must be like for settings that were tuned on an index of ours."""
    if wish.settings.store.kind != "embedded" or engine.dialect is None:
        return []
    shape, legs = wish.shape, wish.active().values()
    said = []
    if any(leg.kind == "lexical" for leg in legs):
        fields = ", ".join(f"{name} ({how})" for name, how in shape.text.items())
        said.append(f"the engine's index needs the text fields {fields}, with BM25 k1 {shape.k1:g} and b {shape.b:g}")
    for leg in legs:
        if isinstance(leg, DenseLeg):
            field = leg.field or VECTOR_FIELD
            said.append(
                f"and in {field} the vectors of {leg.text!r} by the embedder {leg.embedder}, compared by cosine"
            )
    return said
