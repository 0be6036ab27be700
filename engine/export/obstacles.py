"""What engines cannot express, one small function per kind of setting; a form chains those that bar it."""

from __future__ import annotations

from collections.abc import Iterator

from engine.export.base import Obstacle, Wish
from engine.export.scale import BY_EXTREMES, BY_TOPS, FIXED, LINES
from engine.settings.schema import DenseLeg, GraphLeg, LexicalLeg, SparseLeg
from engine.stores.elastic.bodies import KEPT


def legs(wish: Wish) -> Iterator[Obstacle]:
    """Synonyms of our own, search templates, sparse legs without a model, and RAGFlow's knowledge graph."""
    for name, leg in wish.active().items():
        if isinstance(leg, GraphLeg):
            yield Obstacle(f"weights.{name}", "RAGFlow's knowledge graph is searched by RAGFlow alone", 0.0)
        at = f"legs.{name}"
        if isinstance(leg, LexicalLeg) and leg.synonyms:
            yield Obstacle(f"{at}.synonyms", "an engine's synonyms belong to its analyser", "")
        if isinstance(leg, LexicalLeg) and leg.template:
            yield Obstacle(f"{at}.template", "a stored template cannot be part of another request", "")
        if isinstance(leg, LexicalLeg) and (more := sorted(set(wish.own_body(leg, name)) & set(KEPT) - {"query"})):
            yield Obstacle(f"{at}.body", f"its {', '.join(more)} cannot be part of another request", "")
        if isinstance(leg, SparseLeg) and not leg.inference_id:
            why = f"{at}.inference_id is empty, and no request expands a query but by a model"
            yield Obstacle(f"weights.{name}", why, 0.0)


def not_a_sum(wish: Wish) -> Iterator[Obstacle]:
    """Fusion that is no sum of boosts: see ``scale``."""
    fusion = wish.settings.fusion
    if len(wish.active()) == 1 and not wish.features:
        return
    if fusion.combiner not in ("convex", "comb-sum", "ragflow"):
        yield Obstacle("fusion.combiner", "boosts can only be added up", "convex")
    if fusion.combiner == "ragflow":
        return
    how = fusion.normalizer
    if how not in LINES:
        yield Obstacle("fusion.normalizer", "it is no constant boost of a score", "theoretical-min-max")
    elif how not in FIXED and wish.given is None and not (wish.program and how in BY_TOPS):
        of = "least and greatest scores" if how in BY_EXTREMES else "greatest scores"
        why = f"it needs the {of} of each query: export for one query, or as python, which asks for them"
        yield Obstacle("fusion.normalizer", why, "identity")


def features(wish: Wish) -> Iterator[Obstacle]:
    """Features, where only the legs are fused."""
    for name, feature in wish.settings.features.items():
        if feature.scale * feature.weight:
            yield Obstacle(f"features.{name}.weight", "nothing is added after this fusion", 0.0)


def distances(wish: Wish, *, ranks: bool = False) -> Iterator[Obstacle]:
    """Vectors that are not compared by cosine: scripts and boosts are made for cosines. ``ranks``: scores do not
    count, and only a script matters."""
    active = wish.active()
    for name, leg in active.items():
        if not isinstance(leg, DenseLeg) or ((len(active) == 1 or ranks) and not wish.compared(name, leg)):
            continue
        found = wish.shape.vector_field(leg.field, name)
        if not found.is_cosine:
            yield Obstacle(f"weights.{name}", f"{found.name} is compared by {found.similarity}, not by cosine", 0.0)


def negative_features(wish: Wish) -> Iterator[Obstacle]:
    """Features that push down: no engine adds a negative score."""
    for name, feature in wish.settings.features.items():
        if feature.scale * feature.weight < 0:
            yield Obstacle(f"features.{name}.weight", "no engine adds a score below 0", 0.0)


def fusion(wish: Wish, combiners: tuple[str, ...], normalizer: str, why: str) -> Iterator[Obstacle]:
    """Another combiner than these (the first is the nearest), or another normaliser than the one that there is."""
    now = wish.settings.fusion
    if now.combiner not in combiners:
        yield Obstacle("fusion.combiner", f"it fuses by {combiners[0]}", combiners[0])
    if normalizer and now.normalizer != normalizer:
        yield Obstacle("fusion.normalizer", why, normalizer)


def window(wish: Wish) -> Iterator[Obstacle]:
    """One window for all legs, and for the results: no leg but a kNN can return less, and no more can be shown."""
    active, cut = wish.active(), wish.settings.cut
    most = depth(wish)
    for name, leg in active.items():
        limits_itself = isinstance(leg, DenseLeg) and not wish.compared(name, leg)
        if leg.top_k < most and not limits_itself:
            yield Obstacle(f"legs.{name}.top_k", "all legs share one window", most)
    if cut.offset + cut.top_k > most:
        yield Obstacle("cut.top_k", "no more can be shown than the window holds", max(most - cut.offset, 1))


def depth(wish: Wish) -> int:
    """The window of all legs."""
    return max(leg.top_k for leg in wish.active().values())


def threshold(wish: Wish) -> Iterator[Obstacle]:
    """A threshold on fused scores."""
    if wish.settings.cut.threshold and not wish.settings.rerank.enabled:
        yield Obstacle("cut.threshold", "the engine's fused scores are on another scale", 0.0)


def group(wish: Wish) -> Iterator[Obstacle]:
    """Grouping, where the engine groups before it has the final order."""
    if wish.settings.cut.group:
        yield Obstacle("cut.group", "the engine groups before its last step", "")


def similarity(wish: Wish) -> Iterator[Obstacle]:
    """A least cosine, where the kNN clause takes either a k or a least score."""
    for name, leg in wish.active().items():
        if isinstance(leg, DenseLeg) and leg.similarity_threshold:
            yield Obstacle(f"legs.{name}.similarity_threshold", "its kNN takes k or a least score, not both", 0.0)


def no_rerank(wish: Wish, why: str) -> Iterator[Obstacle]:
    if wish.settings.rerank.enabled:
        yield Obstacle("rerank.enabled", why, False)


def equal_weights(wish: Wish, why: str) -> Iterator[Obstacle]:
    """Weights that are not the same for every leg that has one."""
    weights = {name: wish.settings.weights[name] for name in wish.active()}
    if len(set(weights.values())) > 1:
        for name, weight in weights.items():
            if weight != 1.0:
                yield Obstacle(f"weights.{name}", why, 1.0)
