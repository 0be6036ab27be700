"""What an export is: settings in, an engine's own request out, and a refusal by name of what it cannot express.

A *form* is one way in which an engine can fuse. It lists its *obstacles*, the settings it cannot express, each with the
nearest value that it can; where there is none (or the nearest are taken) it builds the request body. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from engine.analysis.query import Query
from engine.errors import SettingsError
from engine.settings import knobs
from engine.settings.schema import DenseLeg, LegSettings, LexicalLeg, Settings, SparseLeg
from engine.stores.elastic.mapping import IndexShape, VectorField

Body = Mapping[str, Any]
Version = tuple[int, int]

QUERY = "{{query}}"
VECTOR = "{{query_vector}}"
"""What stands in a body for the text of a query and for its vector, where no query is given."""


class Expression(str):
    """A value in a body that the program around it works out."""


class Variable(str):
    """A value in a body that the shell knows: its name. Shown as ``$NAME``."""


Boost = float | Expression
Vector = Sequence[float] | str

VECTOR_FIELD = "vector"
"""The field of the vectors where the settings name none, and no index was looked at."""


@dataclass(frozen=True, slots=True)
class Given:
    """One query, with what a search has learned of it.

    vectors  per embedder
    low, high  per leg the least and the greatest raw score of the ranked documents, as our store reports them
    """

    query: Query
    vectors: Mapping[str, Sequence[float]] = field(default_factory=dict)
    low: Mapping[str, float] = field(default_factory=dict)
    high: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be exported.

    shape     the index that it is for; ``assumed`` where none was looked at
    given     the query that the body is for; None: placeholders stand for it
    version   of the engine, major and minor; None: the oldest that has the form
    bodies    per leg the user's own query body, read from its file
    program   a program sends the body: vectors and boosts are expressions of ``vectors`` and ``greatest``
    """

    settings: Settings
    shape: IndexShape
    given: Given | None = None
    version: Version | None = None
    bodies: Mapping[str, Body] = field(default_factory=dict)
    program: bool = False

    @property
    def query(self) -> Query:
        return self.given.query if self.given and not self.program else Query.plain(QUERY)

    @property
    def index(self) -> str:
        return self.settings.store.index or "my-index"

    def vector(self, leg: DenseLeg) -> Vector:
        if self.program:
            return Expression(f"vectors[{json.dumps(leg.embedder)}]")
        return self.given.vectors.get(leg.embedder, VECTOR) if self.given else VECTOR

    def own_body(self, leg: LexicalLeg, name: str) -> Body:
        """The user's own query body of the leg, empty where it has none."""
        return self.bodies[name] if leg.body and name in self.bodies else {}

    def compared(self, name: str, leg: LegSettings) -> bool:
        """Whether the leg compares every vector: it is told to, or the index has no graph of them."""
        return isinstance(leg, DenseLeg) and (leg.exact or not self.shape.vector_field(leg.field, name).indexed)

    def active(self) -> dict[str, LegSettings]:
        """The legs that weigh more than 0, by name, in settings order."""
        return {name: leg for name, leg in self.settings.legs.items() if self.settings.weights.get(name, 0) > 0}

    @property
    def features(self) -> dict[str, float]:
        """Field → weight × scale of every feature that adds something."""
        found = self.settings.features.values()
        return {feature.field: feature.scale * feature.weight for feature in found if feature.scale * feature.weight}

    def with_settings(self, settings: Settings) -> Wish:
        return replace(self, settings=settings)


def assumed(settings: Settings) -> IndexShape:
    """The index that these settings speak of, where none was looked at: it has the fields that they name."""
    legs = settings.legs.values()
    lexical = next((leg for leg in legs if isinstance(leg, LexicalLeg)), LexicalLeg())
    vectors = [leg.field or VECTOR_FIELD for leg in legs if isinstance(leg, DenseLeg)]
    return IndexShape(
        settings.store.index or "my-index",
        text={
            name: leg.analyzers.get(name, leg.analyzer)
            for leg in legs
            if isinstance(leg, LexicalLeg)
            for name in leg.fields
        },
        keywords={name: name for name in (*settings.filter, settings.cut.group) if name},
        numbers=tuple(feature.field for feature in settings.features.values()),
        vectors={name: VectorField(name, 0, "cosine") for name in vectors},
        sparse={leg.field or "sparse": "" for leg in legs if isinstance(leg, SparseLeg)},
        k1=lexical.k1,
        b=lexical.b,
    )


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A setting that a form cannot express: its dotted name, why, and the nearest value that it can."""

    path: str
    why: str
    nearest: object


@dataclass(frozen=True, slots=True)
class Change:
    """A setting that was given its nearest value, and why."""

    path: str
    before: object
    after: object
    why: str

    def __str__(self) -> str:
        return f"{self.path} {shown(self.before)} → {shown(self.after)}: {self.why}"


@dataclass(frozen=True, slots=True)
class Request:
    """One call: ``POST /index/_search`` and its body; ``why`` is a line for whoever reads it."""

    method: str
    path: str
    body: Body
    why: str = ""


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which an engine can search as the settings say.

    name, label, summary  ``bool``; as in a list of forms; one line for a person
    needs       licence or plugin, '' for none
    since       the oldest version that has it
    obstacles   what the wish has that it cannot express
    body        the search body of a wish without obstacles
    setup       requests to be made once before
    notes       what to know of the body
    path        where the body goes
    least_legs  how many legs it fuses at least
    """

    name: str
    label: str
    summary: str
    obstacles: Callable[[Wish], Iterable[Obstacle]]
    body: Callable[[Wish], Body]
    since: Version
    path: Callable[[Wish], str] = lambda wish: f"/{wish.index}/_search"
    least_legs: int = 1
    needs: str = ""
    setup: Callable[[Wish], Sequence[Request]] = lambda wish: ()
    notes: Callable[[Wish], Iterable[str]] = lambda wish: ()


@dataclass(frozen=True, slots=True)
class Export:
    """The answer to a wish.

    engine, form  what it is for
    search        the search
    setup         requests to be made once before it
    changes       what differs from the settings, in order
    notes         what to know of it
    settings      those that are expressed: the wish's with the changes
    """

    engine: str
    form: Form
    search: Request
    setup: tuple[Request, ...]
    changes: tuple[Change, ...]
    notes: tuple[str, ...]
    settings: Settings

    @property
    def body(self) -> Body:
        return self.search.body


def express(engine: str, label: str, form: Form, wish: Wish, *, nearest: bool, otherwise: str = "") -> Export:
    """The wish in this form.

    Raises ``SettingsError`` for what it cannot express, naming the nearest, unless ``nearest`` takes it.
    ``otherwise`` ends that error's hint.
    """
    if len(wish.active()) < form.least_legs:
        message = f"{label}, {form.label}, fuses {form.least_legs} legs, and the weights leave {len(wish.active())}"
        raise SettingsError(message, path="weights", hint="leave --form out: one leg needs no fusion")
    found = list(form.obstacles(wish))
    if found and not nearest:
        raise refusal(label, form, wish.settings, found, otherwise)
    changes, changed = [], wish
    while found:
        values = {each.path: each.nearest for each in found}
        now = changed.settings
        changes += [Change(each.path, knobs.get(now, each.path), each.nearest, each.why) for each in found]
        changed = changed.with_settings(knobs.replace_all(now, values))
        met = {change.path for change in changes}
        # the nearest may stand in the way of something else, never of itself
        found = [each for each in form.obstacles(changed) if each.path not in met]
    return Export(
        engine,
        form,
        Request("POST", form.path(changed), form.body(changed)),
        tuple(form.setup(changed)),
        tuple(changes),
        tuple(form.notes(changed)),
        changed.settings,
    )


def refusal(label: str, form: Form, settings: Settings, found: Sequence[Obstacle], otherwise: str) -> SettingsError:
    """What this form cannot express, by name, and the nearest that it can; ``otherwise`` is another way out."""
    first = found[0]
    names = [f"{each.path} = {shown(knobs.get(settings, each.path))} ({each.why})" for each in found]
    takes = ", ".join(f"{each.path}={shown(each.nearest)}" for each in found)
    return SettingsError(
        f"{label}, {form.label}, cannot express {'; '.join(names)}",
        path=first.path,
        hint=f"the nearest: {takes}; --nearest takes it and says what changed{otherwise}",
    )


def shown(value: object) -> str:
    """A settings value in a sentence."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:g}"
    return str(value) if value != "" else '""'
