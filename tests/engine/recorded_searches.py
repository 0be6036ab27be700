"""Searches without an index, their answers made up, for recordings of any shape."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from engine.analysis.query import Query
from engine.executor import make_executor
from engine.recorder import recorder
from engine.recording import Recording, open_recording
from engine.records import ScoreKind
from engine.replay import Recorded, RecordedStore
from engine.rerankers.ledger import UNSCORED, Scored
from engine.resources import Resources
from engine.search import Search
from engine.settings.schema import CutSettings, FeatureSettings, Settings
from engine.stores.base import LegHits, StoreInfo

INFO = StoreInfo("embedded", "made up", 5, 1, ("title", "text"), (), ("pagerank",), {}, "static", 4, ScoreKind.COSINE)
SETTINGS = Settings(features={"pagerank": FeatureSettings(field="pagerank", weight=0.5)}, cut=CutSettings(group="kind"))
FIELDS = ("title", "text")

_ANY = st.floats(allow_nan=True, allow_infinity=False, width=64)
_SCORE = st.floats(0, 1e6)


@st.composite
def searches(draw: st.DrawFn) -> Search:
    """A search of any query whose legs answered anything: no candidates, unicode ids, scores that do not exist."""
    ids = draw(st.lists(st.text(min_size=1), unique=True, max_size=8))
    search = Search(Resources(RecordedStore(Recorded.of(SETTINGS, INFO, ids, {})), make_executor()), Query.plain("q"))
    retrieval, n = search.retrieval, len(ids)
    for name, fields in (("lexical", FIELDS), ("dense", ())):
        rows = np.array(sorted(draw(st.sets(st.integers(0, n - 1)) if n else st.just(set()))), dtype=np.int64)
        scores = np.array([draw(_SCORE) for _ in rows])
        best = np.argsort(-scores, kind="stable") if len(rows) else rows
        parts = np.array([[draw(_ANY) for _ in fields] for _ in rows]).reshape(len(rows), len(fields))
        found = tuple(ids[row] for row in rows[best])
        hits = LegHits(found, rows[best], scores[best], draw(st.integers(0, 10**9)), fields, parts if fields else None)
        retrieval.absorb(name, SETTINGS, hits)
    for wanted in retrieval.completions(SETTINGS):
        count, fields = len(wanted.ids), FIELDS if wanted.leg == "lexical" else ()
        parts = np.array([[draw(_ANY) for _ in fields] for _ in wanted.ids]).reshape(count, len(fields))
        scores = np.array([draw(st.one_of(st.just(float("nan")), _SCORE)) for _ in wanted.ids])
        retrieval.complete(wanted, LegHits(wanted.ids, np.arange(count), scores, 0, fields, parts if fields else None))
    candidates = retrieval.candidates(SETTINGS).ids
    retrieval.keep_features(("pagerank",), candidates, np.array([[draw(_ANY)] for _ in candidates]).reshape(-1, 1))
    retrieval.keep_groups("kind", candidates, [draw(st.text(max_size=2)) for _ in candidates])
    known = search.ledger.known(SETTINGS.rerank)
    for i in draw(st.lists(st.sampled_from(candidates), unique=True)) if candidates else ():
        seen, cut = draw(st.integers(-1, 10**6)), draw(st.booleans())
        answer = Scored(draw(_ANY), seen, cut, draw(_SCORE), draw(_ANY), seen + draw(st.integers(0, 9)) * cut)
        known[i] = draw(st.sampled_from([answer, UNSCORED]))
    return search


async def recorded(path: Path, *made: Search, settings: Settings = SETTINGS, texts: int = 0) -> Recording:
    """These searches through a file; their ids count from 1."""
    with recorder(path, settings, made[0].resources.store.info, texts=texts) as taking:
        for number, search in enumerate(made, 1):
            assert await taking.add(str(number), search) == ""
    return open_recording(path)
