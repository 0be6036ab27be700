"""What the console and a script do with one index: queries, turns of knobs, tries, grades. Knows no user interface.

A session holds the live settings, the search of the present query and its latest trace. Every query is a new
generation: events of an older one end their iterator and are applied nowhere.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from console.agreements import Agreements
from console.tries import Tries, Try
from engine.errors import UsageError
from engine.settings import knobs

if TYPE_CHECKING:
    from pathlib import Path

    from console.judging import Grading, Judgments
    from engine.pipeline import Pipeline
    from engine.records import Document, QueryTerm
    from engine.search import Search
    from engine.settings.load import Loaded
    from engine.settings.save import SaveResult
    from engine.settings.schema import Settings
    from engine.stores.base import Highlight
    from engine.trace import Event, Trace


_NO_GRADES: Mapping[str, int] = {}
SHOWN = 60
"""Texts asked for with the fused list: a tall screen's worth."""
METRICS = ("ndcg@10", "ndcg_exp@10", "mrr@10", "precision@10", "recall@100", "map")
"""What to measure by, one after the other; every other metric by its name."""


@dataclass(frozen=True, slots=True)
class Details:
    """What is asked of one document alone: its text, the matched spans, and what each term of the query gives it."""

    document: Document | None = None
    highlights: tuple[Highlight, ...] = ()
    terms: tuple[tuple[QueryTerm, float], ...] | None = None


class Session:
    """One index, its live settings and the present query.

    pipeline    what answers
    loaded      the settings as they are saved, with their file and sources
    settings    as they are now; what every answer is ranked by
    search      the present query's search, None before the first
    trace       the latest trace to show; that of the older query until the new one has a fused list
    generation  counts queries, reloads and cancellations
    pinned      id of the document that is followed, '' for none
    judgments   None where there are none and can be none, for the reason ``no_judgments``
    metric      what lists are measured by, as ``ndcg@10``
    agreements  what may be sent to services off this machine, once ``heed`` was called
    """

    def __init__(self, pipeline: Pipeline, loaded: Loaded) -> None:
        self.pipeline = pipeline
        self.loaded = loaded
        self.settings: Settings = loaded.settings
        self.search: Search | None = None
        self.trace: Trace | None = None
        self.generation = 0
        self.pinned = ""
        self.judgments: Judgments | None = None
        self.no_judgments = "there is no place for judgments"
        self.metric = METRICS[0]
        self.agreements = Agreements()
        self._tries = Tries(self.settings)
        self._turning = ""

    def heed(self, agreements: Agreements) -> None:
        """Send nothing off this machine that these do not cover."""
        self.agreements = agreements
        self.pipeline.ask_before_leaving(agreements.may_leave)

    # ---- queries

    @property
    def query(self) -> str:
        """The present query as typed, '' before the first."""
        return self.search.query.text if self.search else ""

    def ask(self, text: str, *, syntax: bool = True) -> AsyncIterator[Event]:
        """A new query's events; closing the iterator cancels it. The older query's events end here."""
        self.rest()
        self.generation += 1
        self.search = self.pipeline.begin(text, syntax=syntax)
        self.search.shown = SHOWN
        return self._follow(self.search)

    def settle(self) -> AsyncIterator[Event]:
        """The events of asking what the present settings lack: a leg raised from 0, documents without a score."""
        self.rest()
        if self.search is None:
            raise RuntimeError("settle() before the first query")
        return self._follow(self.search)

    @property
    def unsettled(self) -> bool:
        """Whether ``settle`` would ask anything, as far as ``rerank.auto`` allows it by itself."""
        if self.search is None:
            return False
        missing = self.search.missing(self.settings)
        return bool(missing.legs) or (missing.rerank > 0 and self.settings.rerank.auto)

    def cancel(self) -> Trace | None:
        """Drop what is still to come of the present query; the trace that its answers so far make."""
        self.generation += 1
        return self._rank()

    def look_again(self) -> Trace | None:
        """The trace with everything that the search knows by now, as the outcome of a stage that was cancelled."""
        return self._rank()

    async def _follow(self, search: Search) -> AsyncIterator[Event]:
        generation, settings = self.generation, self.settings
        async with aclosing(search.run(settings)) as events:
            async for event in events:
                if generation != self.generation:
                    return
                yield self._apply(event, search, settings)

    def _apply(self, event: Event, search: Search, settings: Settings) -> Event:
        """The event with the trace of the settings as they are by now, which the session keeps."""
        from engine.trace import Finished, Fused, RerankProgress

        if not isinstance(event, Fused | RerankProgress | Finished):
            return event
        if settings != self.settings:
            turned = search.turn(self.settings)
            if isinstance(event, RerankProgress):
                event = replace(event, look=lambda: turned)
            else:
                event = replace(event, trace=turned)
        self.trace = event.trace
        return event

    def _rank(self) -> Trace | None:
        """The present answers ranked by the present settings; None while the query has no fused list yet."""
        trace = self._ranked_by(self.settings)
        self.trace = trace or self.trace
        return trace

    def _ranked_by(self, settings: Settings) -> Trace | None:
        return self.search.turn(settings) if self.search and self.search.trace else None

    async def details(self, document_id: str) -> Details:
        """What the document panel shows beside the trace. Raises ``StoreError``."""
        if self.search is None:
            return Details()
        document = (await self.search.fetch([document_id]))[document_id]
        highlights = await self.search.highlights(document_id)
        return Details(document, tuple(highlights), tuple(await self.search.explain(document_id)))

    # ---- knobs

    def turn(self, path: str, value: object) -> Trace | None:
        """Set one knob and rank again at once; None while there is nothing to rank.

        Turns of the same knob without a ``rest`` between them are one try. The last leg's weight stops at its least
        step. Raises ``SettingsError`` for a value out of range.
        """
        return self.change({path: self._above_zero(path, value)}, turning=path)

    def change(self, values: Mapping[str, object], label: str = "", *, turning: str = "") -> Trace | None:
        """Set several knobs as one try, called ``label``; what ``turn`` returns and raises."""
        settings = knobs.replace_all(self.settings, values)
        if settings == self.settings:
            return self.trace
        before = self._tries.before.settings if turning and turning == self._turning else self.settings
        what = label or ", ".join(
            f"{path} {shown(knobs.shown(before, path))}→{shown(knobs.shown(settings, path))}" for path in values
        )
        return self.put(settings, what, turning=turning)

    def put(self, settings: Settings, what: str, *, turning: str = "") -> Trace | None:
        """Put other settings in place as one try; returns and raises what ``turn`` does."""
        trace = self._ranked_by(settings)  # refuses what cannot rank before anything is recorded
        self._record(settings, what, turning)
        self.trace = trace or self.trace
        return trace

    def preset(self, name: str) -> Trace | None:
        """Put the values of a named preset in place, as one try. Raises ``SettingsError`` for an unknown name."""
        from engine.fusion.presets import preset_values

        return self.change(preset_values(name, self.settings), f"preset {name}")

    def revert(self) -> Trace | None:
        """All settings as they are saved, as one try."""
        trace = self._ranked_by(self.loaded.settings)
        self.rest()
        self._record(self.loaded.settings, "back to the file", "")
        self.trace = trace or self.trace
        return trace

    def rest(self) -> None:
        """The next turn is a try of its own, even of the same knob."""
        self._turning = ""

    def _above_zero(self, path: str, value: object) -> object:
        """The value, or the knob's least step where it would leave no leg a weight above 0."""
        leg = path.removeprefix("weights.")
        if leg == path or value != 0 or any(w > 0 for name, w in self.settings.weights.items() if name != leg):
            return value
        return knobs.knob(self.settings, path).step

    # ---- judgments

    @property
    def grades(self) -> Mapping[str, int]:
        """The grades of the present query, by document id. The same object until one changes."""
        return self.judgments.of_text(self.query) if self.judgments is not None and self.query else _NO_GRADES

    def grade(self, document_id: str, grade: int | None) -> Grading:
        """Grade a document for the present query, saved at once; None takes its grade away.

        Raises ``UsageError`` where nothing can be judged, ``SourceError`` where it cannot be saved.
        """
        if self.judgments is None:
            raise UsageError(self.no_judgments, hint="name a data set with --data DIR")
        if not self.query.strip():
            raise UsageError("there is no query to judge for")
        self.rest()
        grading = self.judgments.grade(self.query, document_id, grade)
        if grading.before != grading.after:
            self._tries.add_grading(grading)
        return grading

    # ---- tries

    @property
    def tries(self) -> tuple[Try, ...]:
        """Every change of settings since they were loaded, oldest first; those that were undone as well."""
        return tuple(self._tries.all)

    @property
    def current(self) -> Try:
        """The try that is shown."""
        return self._tries.current

    @property
    def last_change(self) -> str:
        """What undo would take back, in words; '' for nothing."""
        return self._tries.last.change if self._tries.last else ""

    @property
    def can_undo(self) -> bool:
        return self._tries.last is not None

    @property
    def can_redo(self) -> bool:
        return self._tries.next is not None

    def undo(self) -> Trace | None:
        """Take back what was done last, a try or a grade; nothing to undo leaves things as they are.

        Raises ``SourceError`` where a grade cannot be saved.
        """
        if last := self._tries.last:
            if self.judgments is not None and not isinstance(last, Try):
                self.judgments.apply(last.reversed)
            self._tries.back()
        return self._show_current()

    def redo(self) -> Trace | None:
        """Do again what was undone last; raises what ``undo`` does."""
        if coming := self._tries.next:
            if self.judgments is not None and not isinstance(coming, Try):
                self.judgments.apply(coming)
            self._tries.forward()
        return self._show_current()

    def _show_current(self) -> Trace | None:
        self.rest()
        self.settings = self.current.settings
        return self._rank()

    def _record(self, settings: Settings, what: str, turning: str) -> None:
        if turning and turning == self._turning:
            self._tries.go_on(settings, what)
        else:
            self._tries.add(settings, what, self.query)
        self._turning = turning
        self.settings = settings

    # ---- saving

    @property
    def dirty(self) -> bool:
        """Whether the settings differ from the saved ones."""
        return self.settings != self.loaded.settings

    def difference(self, path: Path | None = None) -> str:
        """What ``save`` would change in the file, as a unified diff; '' for nothing, or where there is no file."""
        from engine.settings.save import difference

        target = path or self.loaded.file
        return difference(self.loaded, self.settings, target) if target else ""

    def save(self, path: Path | None = None, *, overwrite: bool = False, header: str = "") -> SaveResult:
        """Write the settings to their file, or to another; ``header`` is a comment for a new one.

        Raises ``SettingsError`` where that cannot be, ``SettingsConflictError`` where the file has changed since it was
        read, unless ``overwrite``.
        """
        from engine.settings.save import save

        result = save(self.loaded, self.settings, path, overwrite=overwrite, header=header)
        self.loaded = result.loaded
        self.rest()
        return result

    # ---- the index

    def adopt(self, pipeline: Pipeline) -> Pipeline:
        """Go on with a newer generation of the index; the older pipeline, for the caller to close."""
        older, self.pipeline = self.pipeline, pipeline
        self.heed(self.agreements)
        self.generation += 1
        self.search = self.trace = None
        return older

    async def close(self) -> None:
        self.generation += 1
        await self.pipeline.close()


def shown(value: Any) -> str:
    """A settings value as a person writes it: ``0.7``, ``on``, ``rrf``."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) else str(value)


def following(metric: str) -> str:
    """The metric after this one in ``METRICS``."""
    return METRICS[(METRICS.index(metric) + 1) % len(METRICS)] if metric in METRICS else METRICS[0]
