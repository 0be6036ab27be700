"""What to search of an index that nobody described: from its mapping and a few documents to fields, each with a reason.

Pure; which embedder made the vectors is found out in ``embedder_guess``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import mean

from engine.errors import StoreError
from engine.records import Document
from engine.stores.elastic.detect import Engine
from engine.stores.elastic.listing import Seen
from engine.stores.elastic.mapping import NESTED, ORDER, SEMANTIC, IndexShape, VectorField

TITLES = ("title", "name", "headline", "subject", "heading", "label", "question", "docnm_kwd", "summary")
"""Last parts of names that a document is called by, the surest first."""
IDS = ("id", "doc_id", "document_id", "docid", "uid", "uuid", "sku", "key", "pid", "asin")
TITLE_BOOST = 2.0
RARE = 0.05
"""Below this share of the samples a field says little of the index."""
WORDS = 1.5
"""Below so many words a value is a tag or an id, and no text."""
LONGEST_TITLE = 20
WIDE = 20
"""Fields; of a document with more only those that matter are fetched."""
_OWN_QUERY = (NESTED, SEMANTIC)
"""Types that only a query of one's own searches."""
_TEXTS = 3
"""Fields that make up the text to rerank."""


@dataclass(frozen=True, slots=True)
class FieldUse:
    """A text field: whether it is to be searched, how much it weighs, and why."""

    name: str
    taken: bool
    boost: float
    reason: str
    words: float = 0.0


@dataclass(frozen=True, slots=True)
class Embedding:
    """The embedder of the vectors: '' where nobody can tell. ``sure`` is a proof, not a guess.

    fits  those that make vectors of this dimension
    text  the template that it was found with, '' for not known
    """

    name: str = ""
    reason: str = ""
    sure: bool = False
    fits: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Proposal:
    """Everything a settings file needs to say of an index, with the reasons.

    title, id_field  '' for the engine's own id
    display          fields to fetch; empty for all
    vector           None where there is none to search
    """

    engine: Engine
    index: str
    documents: int
    texts: tuple[FieldUse, ...]
    title: str
    title_reason: str
    titles: tuple[str, ...]
    id_field: str
    id_reason: str
    ids: tuple[str, ...]
    display: tuple[str, ...]
    display_reason: str
    vector: VectorField | None
    vector_reason: str
    vectors: tuple[VectorField, ...] = ()
    embedding: Embedding = Embedding()
    sparse: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    lengths: Mapping[str, float] = field(default_factory=dict)

    @property
    def fields(self) -> dict[str, float]:
        """The lexical leg's fields with their boosts."""
        return {use.name: use.boost for use in self.texts if use.taken}

    @property
    def dense(self) -> bool:
        """Whether the vectors can be searched."""
        return self.vector is not None and bool(self.embedding.name)

    @property
    def weights(self) -> dict[str, float]:
        if not self.dense:
            return {"lexical": 1.0, "dense": 0.0}
        return {"lexical": 0.3, "dense": 0.7} if self.fields else {"lexical": 0.0, "dense": 1.0}

    @property
    def template(self) -> str:
        """What stands for a document where one text is wanted: the title, then the longest texts."""
        longest = sorted(self.fields, key=lambda name: -self.lengths.get(name, 0.0))
        names = [name for name in longest if name != self.title][:_TEXTS]
        lines = (["{title}"] if self.title else []) + [f"{{{name}}}" for name in self.fields if name in names]
        return "\n".join(lines)

    def check(self) -> None:
        """Raises ``StoreError`` where nothing is left to search."""
        if not self.fields and not self.dense:
            why = "its vectors are by an unknown embedder" if self.vector else "it has no vectors"
            raise StoreError(
                f"{self.index} cannot be searched: no text field is chosen, and {why}",
                hint="choose a text field; or name the embedder with --embedder",
            )


Suits = Callable[[int], int]
"""Dimension of vectors → how near an embedder for them is, 0 for none."""


def propose(seen: Seen, suits: Suits = lambda dimension: 0) -> Proposal:
    """What to search of the index. Raises ``StoreError`` for one that has nothing to search by."""
    shape, documents = seen.shape, [sample.document for sample in seen.samples]
    if not any(document.fields for document in documents):
        documents = []  # the engine does not keep them: what is not seen is not empty
    if not shape.text and not shape.vectors:
        raise _unsearchable(shape)
    lengths = {name: _words(documents, name) for name in (*shape.text, *shape.keywords)}
    title, title_reason, titles = _title(shape, documents, lengths)
    texts = _texts(shape, documents, lengths, title)
    id_field, id_reason, ids = _id(shape, documents)
    display, display_reason = _display(shape, documents, texts, title)
    vector, vector_reason = _vector(seen, suits)
    made_by = shape.meta.get("embedder", "")
    about = Embedding(made_by, "the index says so itself", True, (made_by,)) if made_by and vector else Embedding()
    return Proposal(
        engine=seen.engine,
        index=shape.name,
        documents=shape.documents,
        texts=texts,
        title=title,
        title_reason=title_reason,
        titles=titles,
        id_field=id_field,
        id_reason=id_reason,
        ids=ids,
        display=display,
        display_reason=display_reason,
        vector=vector,
        vector_reason=vector_reason,
        vectors=tuple(shape.vectors.values()),
        embedding=about,
        sparse=tuple(name for name, kind in shape.sparse.items() if kind == "sparse_vector"),
        notes=tuple(_notes(shape, documents)),
        lengths=lengths,
    )


def _unsearchable(shape: IndexShape) -> StoreError:
    others = [f"{name} ({kind})" for name, kind in shape.others.items()]
    others += [f"{name} (vectors of {parts})" for name, parts in shape.coded.items()]
    kinds = ", ".join([*others, *shape.keywords, *shape.numbers][:8]) or "none at all"
    hint = "choose another index, or index its documents with `rankscope index SOURCE --into …`"
    if own := [name for name, kind in shape.others.items() if kind in _OWN_QUERY]:
        hint = f"a query of your own can search {own[0]}: legs.lexical.body names its file"
    return StoreError(f"{shape.name} has neither a text field nor a field of vectors; its fields: {kinds}", hint=hint)


def with_field(proposal: Proposal, name: str, boost: float) -> Proposal:
    """The proposal with that text field searched with a boost, or not at all for 0; chosen by hand."""
    texts = [
        replace(use, taken=boost > 0, boost=boost, reason="chosen by hand") if use.name == name else use
        for use in proposal.texts
    ]
    return replace(proposal, texts=tuple(texts))


def with_vector(proposal: Proposal, name: str) -> Proposal:
    """The proposal with another field of vectors; '' searches none. Its embedder is not known yet."""
    found = next((one for one in proposal.vectors if one.name == name), None)
    return replace(proposal, vector=found, vector_reason="chosen by hand", embedding=Embedding())


def _values(documents: Sequence[Document], name: str) -> list[str]:
    parent = name.rpartition(".")[0]
    texts = (document.text_of(name) or document.text_of(parent) for document in documents)
    return [text for text in texts if text.strip()]


def _words(documents: Sequence[Document], name: str) -> float:
    """The mean number of words of a field where it has a value; of scripts without spaces, two characters are one."""
    found = _values(documents, name)
    return mean(max(len(text.split()), _dense_letters(text) / 2) for text in found) if found else 0.0


def _dense_letters(text: str) -> int:
    """Letters of scripts that set no spaces between words."""
    return sum("\u3040" <= letter <= "\u9fff" or "\u0e00" <= letter <= "\u0eff" for letter in text)


def _last(name: str) -> str:
    return name.rpartition(".")[2].lower()


def _title(
    shape: IndexShape, documents: Sequence[Document], lengths: Mapping[str, float]
) -> tuple[str, str, tuple[str, ...]]:
    """(field, reason, what else could be one)."""
    stored = dict.fromkeys(_root(name, shape) for name in (*shape.text, *shape.keywords))
    able = tuple(name for name in stored if not documents or _values(documents, name))
    named = sorted(
        (name for name in able if _last(name) in TITLES), key=lambda name: (TITLES.index(_last(name)), name.count("."))
    )
    if named:
        return named[0], "by its name", able
    short = [name for name in able if name in shape.text and WORDS <= lengths.get(name, 0) <= LONGEST_TITLE]
    if len([name for name in able if lengths.get(name, 0) > WORDS]) > 1 and short:
        best = min(short, key=lambda name: lengths[name])
        return best, f"the shortest text, {lengths[best]:.0f} words on average", able
    return "", "no field looks like a title: documents are shown by their ids", able


def _root(name: str, shape: IndexShape) -> str:
    """The stored field that a sub-field is of."""
    parent = name.rpartition(".")[0]
    return parent if parent in shape.text or parent in shape.keywords else name


def _texts(
    shape: IndexShape, documents: Sequence[Document], lengths: Mapping[str, float], title: str
) -> tuple[FieldUse, ...]:
    uses = []
    for name, how in shape.text.items():
        share = len(_values(documents, name)) / len(documents) if documents else 1.0
        words = lengths[name]
        boost, taken = (TITLE_BOOST if _root(name, shape) == title else 1.0), False
        about = (
            f"{words:.0f} word{'s' * (round(words) != 1)} on average"
            if documents
            else "not seen: the index shows no documents"
        )
        if _root(name, shape) != name and _root(name, shape) in shape.text:
            reason = f"the same text as {_root(name, shape)}, analysed otherwise"
        elif share < RARE:
            reason = "empty in the documents looked at"
        elif documents and words < WORDS and _root(name, shape) != title:
            reason = "single words: an id, a tag or an address"
        else:
            taken, reason = True, f"{about}, analyzer {how}"
        uses.append(FieldUse(name, taken, boost, reason, words))
    if uses and not any(use.taken for use in uses):
        best = max(range(len(uses)), key=lambda at: uses[at].words)
        uses[best] = replace(uses[best], taken=True, reason=f"the longest that there is; {uses[best].reason}")
    return tuple(sorted(uses, key=lambda use: (not use.taken, _root(use.name, shape) != title, -use.words)))


def _id(shape: IndexShape, documents: Sequence[Document]) -> tuple[str, str, tuple[str, ...]]:
    """The engine's own id, unless it is a made-up one and a field holds one that says more."""
    able = []
    for name, exact in shape.keywords.items():
        values = [document.text_of(name) for document in documents]
        if name == exact and documents and all(values) and len(set(values)) == len(values):
            able.append(name)
    made_up = bool(documents) and all(len(one.id) == 20 and not one.id.isdigit() for one in documents)
    named = [name for name in able if _last(name) in IDS]
    if made_up and named and len(documents) > 1:
        return named[0], "the engine made its own ids up, and this one differs in every document looked at", tuple(able)
    return "", "the engine's own _id", tuple(able)


def _display(
    shape: IndexShape, documents: Sequence[Document], texts: Sequence[FieldUse], title: str
) -> tuple[tuple[str, ...], str]:
    names = dict.fromkeys(name for document in documents for name in document.fields)
    if len(names) <= WIDE:
        return (), "all fields but vectors: there are few"
    wanted = dict.fromkeys([title, *(_root(use.name, shape) for use in texts if use.taken)])
    wanted |= dict.fromkeys(name for name in shape.keywords if name in names)
    kept = [name for name in wanted if name and name != ORDER][:WIDE]
    return tuple(kept), f"title, texts and tags; the documents have {len(names)} fields"


def _vector(seen: Seen, suits: Suits) -> tuple[VectorField | None, str]:
    """(field, reason): of those that about as many documents have, the one that an embedder can be had for."""
    shape = seen.shape
    if not shape.vectors:
        why = "; ".join(_left_out(shape)) or "the index has no field of vectors"
        return None, f"{why}: words alone are searched"
    having = {name: sum(name in sample.vectors for sample in seen.samples) for name in shape.vectors}
    most = max(having.values())
    reasons = ("most documents have it", "an embedder can be had for it", "most documents have it", "it has cosines")
    keys = {
        one.name: (2 * having[one.name] >= most, suits(one.dimension), having[one.name], one.is_cosine)
        for one in shape.vectors.values()
    }
    best = max(shape.vectors.values(), key=lambda one: (*keys[one.name], -len(one.name)))
    others = [key for name, key in keys.items() if name != best.name]
    why = "the only one"
    if others:
        pairs = zip(reasons, keys[best.name], max(others), strict=True)
        reason = next((reason for reason, mine, theirs in pairs if mine > theirs), "it has the shortest name")
        why = f"one of {len(keys)}, and {reason}"
    how = "exact" if best.exact or not best.indexed else "approximate"
    return best, f"{why}: {best.dimension} dimensions, {best.similarity}, {how}"


def _left_out(shape: IndexShape) -> list[str]:
    """Fields of vectors that no embedder's floats can be compared with."""
    return [f"{name} holds vectors of {parts}, and an embedder makes floats" for name, parts in shape.coded.items()]


def _notes(shape: IndexShape, documents: Sequence[Document]) -> list[str]:
    notes = _left_out(shape) if shape.vectors else []
    if not shape.documents:
        notes.append("the index is empty: fields were chosen by their names alone")
    elif not documents:
        notes.append("no document could be looked at: fields were chosen by their names alone")
    if len([one for one in shape.indices if not one.startswith(".ds-")]) > 1:
        several = "indices stand behind this name: of documents that share an id only the best is shown"
        notes.append(f"{len(shape.indices)} {several}")
    if not shape.text:
        notes.append("the index has no text field: vectors alone are searched")
    if own := [f"{name} ({kind})" for name, kind in shape.others.items() if kind in _OWN_QUERY]:
        notes.append(f"only a query of your own searches {', '.join(own[:4])}: legs.lexical.body names its file")
    if not shape.source:
        notes.append("the engine does not keep the documents (_source is off): there are no texts to show or rerank")
    return notes
