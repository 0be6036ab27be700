"""A typed question as RAGFlow's full-text query. Pure: what the index's tokens are is asked of ``Words``.

Two forms. The English one weighs each token, adds its synonyms at a quarter and every pair of neighbours as a phrase at
twice the heavier weight. The other was made for Chinese, but a question of up to three words takes it as well: letters
next to each other become one piece, each piece's terms are weighed, and the whole piece is a loose phrase at 1.5.

Source: infiniflow/ragflow, rag/nlp/query.py (``FulltextQueryer.question``) and rag/nlp/term_weight.py, August 2026.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal, Protocol

from engine.analysis.weights import query_weights
from engine.stores.ragflow import fields

KEYWORD_LIMIT = 32
"""From so many keywords on no further term of the Chinese form is searched for."""
TOKEN_LIMIT = 256

_SPACES = re.compile(r"[ :|\r\n\t,，。？?/`!！&^%()\[\]{}<>]+")
_HAN = "\u4e00-\u9fa5"
_BORDERS = (
    re.compile(rf"([A-Za-z]+[0-9]+)([{_HAN}]+)"),
    re.compile(rf"([A-Za-z])([{_HAN}]+)"),
    re.compile(rf"([{_HAN}]+)([A-Za-z]+[0-9]+)"),
    re.compile(rf"([{_HAN}]+)([A-Za-z])"),
)
_WIDE = {0x3000: 0x20} | {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}

_HAN_QUESTION = re.compile(
    "是*(怎么办|什么样的|哪家|一下|那家|请问|啥样|咋样了|什么时候|何时|何地|何人|是否|是不是|多少|哪里|怎么|哪儿|"
    "怎么样|如何|哪些|是啥|啥是|啊|吗|呢|吧|咋|什么|有没有|呀|谁|哪位|哪个)是*"
)
_QUESTION = re.compile(r"(?:^| )(?:what|who|how|which|where|why)(?:'re|'s)? ")
_STOP_WORDS = (
    "a an and are as at be by did didn't do does doesn't don't done down for go has have he's i i'm if in is it's just "
    "may me mine my of on or out please she's should so the there they they're to up was were will with won't would "
    "wouldn't you you're your 're 's"
)
_STOP = re.compile(rf"(?:^| )(?:{'|'.join(map(re.escape, sorted(_STOP_WORDS.split(), reverse=True)))}) ")
_HAN_STOP_WORDS = "请问 您 你 我 他 是 的 就 有 于 及 即 在 为 最 从 以 了 将 与 吗 吧 中 什么 怎么 哪个 哪些 啥 相关"
_HAN_STOP = frozenset(_HAN_STOP_WORDS.split())
_MARK = re.compile(r"[^\w+*-]")
_SPECIAL = re.compile(r"([:{}/\[\]\-*\"()|+~^])")
_LETTERS = re.compile(r"[a-zA-Z]+\Z")
_ENDS_IN_LETTER = re.compile(r".*[a-zA-Z]\Z")
_NO_FINE = re.compile(r"[0-9a-z.+#_*-]+\Z")
_SHORT = re.compile(r"[0-9a-z]{1,2}\Z")


class Words(Protocol):
    """How text becomes the tokens that the index holds."""

    def tokens(self, text: str) -> list[str]: ...

    def fine(self, token: str) -> list[str]:
        """The finer tokens that the second token field holds for one of the first."""
        ...

    def synonyms(self, text: str) -> Sequence[str]: ...


@dataclass(frozen=True, slots=True)
class Question:
    """A question as it is sent.

    form            which of the two forms it took
    query           the query string
    terms           its terms with their weights, heaviest first within a piece
    keywords        what the re-rank compares with the chunks, synonyms included
    synonyms        those among the keywords
    left_out        terms that the limit of keywords kept out of the query
    minimum_match   share of the terms that a chunk must have, 0 for none
    """

    form: Literal["english", "chinese"]
    query: str
    terms: tuple[tuple[str, float], ...]
    keywords: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()
    minimum_match: float = 0.0


def normal(text: str) -> str:
    """Lower case, half-width, spaces between Latin and Chinese, and for punctuation."""
    for border in _BORDERS:
        text = border.sub(r"\1 \2", text)
    return _SPACES.sub(" ", text.lower().translate(_WIDE)).strip()


def stripped(text: str) -> str:
    """Without question words and stop words; all of it where nothing would be left. A word is recognised by the spaces
    around it, which it takes along: of two in a row one stays."""
    rest = _STOP.sub(" ", _QUESTION.sub(" ", _HAN_QUESTION.sub("", text)))
    return rest or text


def takes_chinese_form(text: str) -> bool:
    """Up to three words, or seven in ten that are not letters alone."""
    words = re.split(r"[ \t]+", text)
    return len(words) <= 3 or sum(not _LETTERS.match(word) for word in words) / len(words) >= 0.7


def build(text: str, words: Words, minimum_match: float = fields.MINIMUM_MATCH) -> Question:
    """The question of a typed text."""
    rest = stripped(normal(text))
    if takes_chinese_form(rest):
        return _chinese(stripped(rest), words, minimum_match)
    return _english(stripped(rest), words)


def _english(text: str, words: Words) -> Question:
    tokens = words.tokens(text)
    weighed = [(token, weight) for raw, weight in query_weights(tokens) if (token := _clean(raw))][:TOKEN_LIMIT]
    keywords, synonyms, parts = list(tokens), list[str](), list[str]()
    for token, weight in weighed:
        found = [each for synonym in words.synonyms(token) for each in words.tokens(synonym)]
        synonyms += found
        alike = " ".join(f'"{each}"^{weight / 4:.4f}' for each in found)
        if token[0] not in ".^+()-":
            parts.append(f"({token}^{weight:.4f} {alike})")
    for (left, one), (right, other) in pairwise(weighed):
        parts.append(f'"{left} {right}"^{2 * max(one, other):.4f}')
    query = " ".join(parts) or text
    return Question("english", query, tuple(weighed), (*keywords, *synonyms), tuple(synonyms))


def _clean(token: str) -> str:
    """Without what a query string would read as its own; '' for a lone letter or digit."""
    token = re.sub(r"[ \\\"'^]", "", token)
    return re.sub(r"^[+-]", "", re.sub(r"^[a-z0-9]\Z", "", token)).strip()


def _chinese(text: str, words: Words, minimum_match: float) -> Question:
    gathered = _Gathered()
    queries = [query for piece in _pieces(text) if (query := _piece(piece, words, gathered))]
    query = " OR ".join(f"({each})" for each in queries)
    return Question(
        "chinese",
        query or text,
        tuple(gathered.terms),
        tuple(gathered.keywords),
        tuple(gathered.synonyms),
        tuple(gathered.left_out),
        minimum_match,
    )


class _Gathered:
    """What the pieces of one question add up to."""

    def __init__(self) -> None:
        self.terms: list[tuple[str, float]] = []
        self.keywords: list[str] = []
        self.synonyms: list[str] = []
        self.left_out: list[str] = []

    @property
    def full(self) -> bool:
        return len(self.keywords) >= KEYWORD_LIMIT

    def add(self, keywords: Sequence[str], synonyms: Sequence[str] = ()) -> None:
        """All of them while there is room for one."""
        if not self.full:
            self.keywords += [*keywords, *synonyms]
            self.synonyms += synonyms


def _pieces(text: str) -> Iterator[str]:
    """Words, those that end in letters joined with the next that does."""
    piece = ""
    for word in text.split():
        if piece and _ENDS_IN_LETTER.match(piece) and _ENDS_IN_LETTER.match(word):
            piece += f" {word}"
        else:
            if piece:
                yield piece
            piece = word
    if piece:
        yield piece


def _piece(piece: str, words: Words, gathered: _Gathered) -> str:
    """The query of one piece."""
    gathered.keywords.append(piece)
    alike = [*words.synonyms(piece)]
    gathered.add((), alike)
    terms = query_weights(_merged([token for token in words.tokens(piece) if _counts(token)]))
    terms.sort(key=lambda each: -each[1])
    parts = []
    for at, (term, weight) in enumerate(terms):
        fine = [] if len(term) < 3 or _NO_FINE.match(term) else [_escaped(one) for one in words.fine(term)]
        fine = [one for one in fine if len(one) > 1]
        gathered.add([re.sub(r"[ \\\"']+", "", term), *fine])
        synonyms = [_escaped(one) for one in words.synonyms(term)]
        gathered.add((), synonyms)
        if gathered.full:
            gathered.left_out += [each for each, _ in terms[at:]]
            break
        gathered.terms.append((term, weight))
        parts.append(f"({_term(term, synonyms, fine)})^{weight:.6f}")
    query = " ".join(parts)
    if len(terms) > 1:
        query += f" ({_phrase(words.tokens(piece))}~2)^1.5"
    if alike and query:
        others = " OR ".join(_phrase(words.tokens(one)) for one in alike)
        query = f"({query})^5 OR ({others})^0.7"
    return query.strip()


def _term(term: str, synonyms: Sequence[str], fine: Sequence[str]) -> str:
    text = _escaped(term)
    if " " in text:
        text = _phrase([text])
    if synonyms:
        alike = " ".join(f'"{one}"' if " " in one else one for one in synonyms)
        text = f"({text} OR ({alike})^0.2)"
    if fine:
        text = f"{text} OR {_phrase(fine)} OR ({_phrase(fine)}~2)^0.5"
    return text


def _phrase(words: Sequence[str]) -> str:
    return f'"{" ".join(words)}"'


def _counts(token: str) -> bool:
    return token not in _HAN_STOP and not _MARK.match(token)


def _merged(tokens: Sequence[str]) -> list[str]:
    """Tokens of one or two letters or digits, and single characters, joined with their like: two to four as one term,
    of a longer run the first two, and so on. A lone one at the start goes with a longer token that is not Latin."""
    merged: list[str] = []
    at = 0
    if len(tokens) > 1 and _brief(tokens[0]) and len(tokens[1]) > 1 and not re.match(r"[0-9a-zA-Z]", tokens[1]):
        merged, at = [" ".join(tokens[:2])], 2
    while at < len(tokens):
        end = at
        while end < len(tokens) and _brief(tokens[end]):
            end += 1
        length = 1 if end - at < 2 else end - at if end - at < 5 else 2
        merged.append(" ".join(tokens[at : at + length]))
        at += length
    return merged


def _brief(token: str) -> bool:
    return len(token) == 1 or bool(_SHORT.match(token))


def _escaped(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", text).strip()
