"""What stands in place of an empty list: where to begin, why nothing was found, and what to try next. Pure."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from console.numbers import count, counted
from console.views_status import failures
from console.words import same_word
from engine.analysis.display import clean
from engine.records import DropRule, QueryTerm
from engine.settings.schema import Settings
from engine.trace import Trace

SUGGESTIONS = 5
LEAST_LIKENESS = 0.5
"""Between an analysed term and the typed word that it is taken to come from."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Something that can be run at once: a ``query``, or else the ``action`` with its ``args``."""

    text: str
    note: str = ""
    query: str = ""
    action: str = ""
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EmptyView:
    """``lines`` are (text, role) as in the palette."""

    heading: str
    lines: tuple[tuple[str, str], ...] = ()
    suggestions: tuple[Suggestion, ...] = ()


def first_start(index: str = "", documents: int = 0, examples: Sequence[str] = ()) -> EmptyView:
    """Before the first query: what is searched, and queries that show something."""
    where = f"{counted(documents, 'document')} of {clean(index)}" if index else "opening the index"
    lines = (
        (where, "text"),
        ("Type a query and press Enter; the lists, their scores and every stage's time appear here.", "muted"),
        ("Then turn a weight: both lists move at once, because nothing is asked again.", "muted"),
    )
    tries = tuple(Suggestion(clean(text), query=text) for text in examples[:SUGGESTIONS])
    return EmptyView("Ask the index something", lines, (*tries, _KEYS, CONNECT))


def no_documents(index: str, kind: str) -> EmptyView:
    """There is an index, and nothing in it."""
    target = "DIR" if kind == "embedded" else f"{kind}:INDEX --url URL"
    lines = (
        (f"{clean(index)} holds no document: whatever is asked, nothing is found.", "text"),
        (f"rankscope index SOURCE --into {target} fills one, from JSON Lines, CSV, a BEIR folder or texts.", "muted"),
    )
    return EmptyView("The index is empty", lines, (CONNECT, _KEYS))


CONNECT = Suggestion("connect to Elasticsearch or OpenSearch", "C", action="connect")
_UNFILTERED = Suggestion("take the filter away", action="set", args=("filter", "{}"))
_ANOTHER = Suggestion("type another query", "/", action="query")
_KEYS = Suggestion("every key and action", "?", action="actions")


def empty_view(trace: Trace | None) -> EmptyView | None:
    """Why the search has nothing to show, None where it has, or where it is still too early to say."""
    if trace is None or len(trace.ranking.results):
        return None
    if trace.query.blank:
        return EmptyView("A blank query asks nothing", (("Type some words.", "muted"),))
    failed = trace.failed_legs
    active = [name for name in trace.settings.legs if trace.settings.weights.get(name, 0) > 0]
    if active and all(name in failed for name in active):
        return _no_leg(trace)
    return _all_dropped(trace) if len(trace.pool) else _no_hits(trace)


def _no_leg(trace: Trace) -> EmptyView:
    lines = [(f"{', '.join(names)}: {clean(why)}", "error") for why, names in failures(trace).items()]
    hints = dict.fromkeys(outcome.hint for outcome in trace.failed_legs.values() if outcome.hint)
    lines += [(clean(hint), "text") for hint in hints]
    lines.append(("There is nothing to rank.", "muted"))
    again = Suggestion("ask again", "F5", action="again")
    return EmptyView("No leg answered", tuple(lines), (_UNFILTERED, again) if trace.settings.filter else (again,))


def _all_dropped(trace: Trace) -> EmptyView:
    """Documents were found, and every one of them was cut."""
    rules = [rule for row in range(len(trace.pool)) if (rule := trace.ranking.drop_rule(row)) is not None]
    counts = {rule: rules.count(rule) for rule in dict.fromkeys(rules)}
    lines = tuple((f"{count(n)} left out by {_named(trace, rule)}", "warning") for rule, n in counts.items())
    suggestions = []
    if DropRule.THRESHOLD in counts:
        suggestions.append(Suggestion("switch the threshold off", action="set", args=("cut.threshold", "0")))
    if DropRule.OFFSET in counts:
        suggestions.append(Suggestion("begin at the first result", action="set", args=("cut.offset", "0")))
    if DropRule.SIMILARITY_THRESHOLD in counts:
        legs = [name for name, leg in trace.settings.legs.items() if getattr(leg, "similarity_threshold", 0)]
        suggestions += [
            Suggestion(f"let {name} keep every cosine", action="set", args=(f"legs.{name}.similarity_threshold", "0"))
            for name in legs
        ]
    heading = f"{counted(len(trace.pool), 'document')} found, and none shown"
    return EmptyView(heading, lines, tuple(suggestions))


def _named(trace: Trace, rule: DropRule) -> str:
    cut = trace.settings.cut
    values = {DropRule.THRESHOLD: f"cut.threshold = {cut.threshold:g}", DropRule.OFFSET: f"cut.offset = {cut.offset}"}
    return values.get(rule, str(rule))


def _no_hits(trace: Trace) -> EmptyView:
    lines: list[tuple[str, str]] = []
    suggestions: list[Suggestion] = []
    for term in _unknown(trace):
        nearest = ", ".join(map(clean, term.nearest))
        lines.append((f"{clean(term.text)}: not in the index" + (f", nearest: {nearest}" if nearest else ""), "text"))
        suggestions += [_replaced(trace.query.text, term.text, near) for near in term.nearest[:2]]
    if not lines and trace.analysis.terms:
        lines.append(("Every word is in the index, but no document has what the query asks for together.", "text"))
    elif not trace.analysis.terms:
        lines.append(("No word is left of the query: stop words and signs alone match nothing.", "text"))
    lines += _narrowing(trace, suggestions)
    lines += _silent(trace, suggestions)
    return EmptyView("No hits", tuple(lines), (*tuple(dict.fromkeys(suggestions))[:SUGGESTIONS], _ANOTHER))


def _unknown(trace: Trace) -> list[QueryTerm]:
    """One entry per word that no field of the index holds; of a field that has near terms, where one does."""
    found = [term for term in trace.analysis.terms if term.df]
    unknown = list[QueryTerm]()
    for term in sorted(trace.analysis.terms, key=lambda term: not term.nearest):
        if not term.source and not any(same_word(term, other) for other in (*found, *unknown)):
            unknown.append(term)
    return [term for term in trace.analysis.terms if term in unknown]


def _silent(trace: Trace, suggestions: list[Suggestion]) -> list[tuple[str, str]]:
    """The legs that were not asked, because they weigh nothing; each can be."""
    settings, usual = trace.settings, Settings().weights
    silent = [name for name in settings.legs if settings.weights.get(name, 0) <= 0]
    suggestions += [
        Suggestion(f"ask {clean(name)} as well", action="set", args=(f"weights.{name}", f"{usual.get(name, 0.5):g}"))
        for name in silent
    ]
    return [(f"{clean(', '.join(silent))} weighs nothing and was not asked.", "warning")] if silent else []


def _narrowing(trace: Trace, suggestions: list[Suggestion]) -> list[tuple[str, str]]:
    """What else keeps documents away; a way round each is added to the suggestions."""
    query, lines = trace.query, list[tuple[str, str]]()
    excluded = [clause for clause in query.clauses if clause.excluded]
    if excluded:
        words = ", ".join(f"-{clean(clause.text)}" for clause in excluded)
        lines.append((f"Excluded: {words}", "warning"))
        suggestions.append(_query(query.positive, "without the exclusions"))
    if any(clause.phrase and not clause.excluded for clause in query.clauses):
        lines.append(("Phrases have to stand word for word.", "warning"))
        suggestions.append(_query(query.text.replace('"', ""), "the words without the quotes"))
    if any(clause.field for clause in query.clauses):
        lines.append(("A field was named; other fields are not searched for that word.", "warning"))
        fields = "|".join({re.escape(clause.field) for clause in query.clauses if clause.field})
        suggestions.append(_query(re.sub(rf"\b(?:{fields}):", "", query.text), "in every field"))
    if trace.settings.filter:
        shown = ", ".join(f"{name} = {value}" for name, value in trace.settings.filter.items())
        lines.append((f"Filter: {clean(shown)}", "warning"))
        suggestions.append(_UNFILTERED)
    return lines


def _query(text: str, note: str) -> Suggestion:
    text = " ".join(text.split())
    return Suggestion(clean(text), note, query=text)


def _replaced(query: str, term: str, near: str) -> Suggestion:
    """The query with the word that the term comes from put right."""
    words = re.findall(r"[^\W_]+", query)
    likeness = {word: difflib.SequenceMatcher(None, word.lower(), term).ratio() for word in words}
    word = max(likeness, key=lambda w: likeness[w], default="")
    if not word or likeness[word] < LEAST_LIKENESS:
        return _query(near, "")
    return _query(re.sub(rf"(?<!\w){re.escape(word)}(?!\w)", lambda _: near, query, count=1), f"{near} for {word}")
