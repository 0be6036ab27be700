"""The Porter stemmer as Lucene has it: Martin Porter's algorithm of 1980 with the changes that its author made later.

M. F. Porter, "An algorithm for suffix stripping", Program 14(3), 1980, and https://tartarus.org/martin/PorterStemmer/:
step 2 has bli → ble in place of abli → able, and logi → log is new; words of one or two letters stay as they are.
Snowball's ``porter`` has none of the three, and undoubles fewer consonants (specced → spec here, specc there). Whatever
is not a, e, i, o, u or y counts as a consonant, digits included.
"""

from __future__ import annotations

import re
import struct

# C and V are runs of consonants and vowels; y is a consonant at the start of a word (written Y here) and after a vowel
_C = "[^aeiou][^aeiouy]*+"
_V = "[aeiouy][aeiou]*+"
_M_ABOVE_0 = re.compile(f"(?:{_C})?+{_V}{_C}", re.DOTALL).match
_M_ABOVE_1 = re.compile(f"(?:{_C})?+{_V}{_C}{_V}{_C}", re.DOTALL).match
_M_IS_1 = re.compile(f"(?:{_C})?+{_V}{_C}(?:{_V})?+\\Z", re.DOTALL).match
_HAS_VOWEL = re.compile(f"(?:{_C})?+[aeiouy]", re.DOTALL).match
_Y_CONSONANT = re.compile(r".*?(?:[^aeiouy]y|^)y(?:yy)*+\Z", re.DOTALL).match
_CVC_END = re.compile(f"{_C}[aeiouy][^aeiouwxy]\\Z", re.DOTALL).match

_STEP_2 = {
    "ational": "ate", "tional": "tion", "enci": "ence", "anci": "ance", "izer": "ize", "bli": "ble", "alli": "al",
    "entli": "ent", "eli": "e", "ousli": "ous", "ization": "ize", "ation": "ate", "ator": "ate", "alism": "al",
    "iveness": "ive", "fulness": "ful", "ousness": "ous", "aliti": "al", "iviti": "ive", "biliti": "ble", "logi": "log",
}  # fmt: skip
_STEP_3 = {"icate": "ic", "ative": "", "alize": "al", "iciti": "ic", "ical": "ic", "ful": "", "ness": ""}
_STEP_4 = "al|ance|ence|er|ic|able|ible|ant|ement|ment|ent|(?<=[st])ion|ou|ism|ate|iti|ous|ive|ize"


def _suffix(suffixes: str) -> re.Pattern[str]:
    """The longest of the suffixes that ends a word: a search from the left meets the longest first."""
    return re.compile(f"(?:{suffixes})\\Z")


_SUFFIX_2 = _suffix("|".join(_STEP_2)).search
_SUFFIX_3 = _suffix("|".join(_STEP_3)).search
_SUFFIX_4 = _suffix(_STEP_4).search


def stem(word: str) -> str:
    """The stem of a word in lower case."""
    if not word.isascii() and max(word) > "\uffff":  # Lucene sees two consonants in such a character
        units = word.encode("utf-16-le")
        halves = "".join(map(chr, struct.unpack(f"<{len(units) // 2}H", units)))
        return stem(halves).encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    if len(word) < 3:
        return word
    if word[0] == "y":
        word = "Y" + word[1:]
    word = _step_1(word)
    for suffix, table in ((_SUFFIX_2, _STEP_2), (_SUFFIX_3, _STEP_3)):
        if (found := suffix(word)) and _M_ABOVE_0(before := word[: found.start()]):
            word = before + table[found[0]]
    if (found := _SUFFIX_4(word)) and _M_ABOVE_1(before := word[: found.start()]):
        word = before
    word = _step_5(word)
    return "y" + word[1:] if word[:1] == "Y" else word


def _step_1(word: str) -> str:
    """Plurals, -ed and -ing, and y → i after a vowel."""
    if word.endswith(("sses", "ies")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith("ss"):
        word = word[:-1]
    if word.endswith("eed"):
        if _M_ABOVE_0(word[:-3]):
            word = word[:-1]
    elif word.endswith("ed") and _HAS_VOWEL(word[:-2]):
        word = _mend(word[:-2])
    elif word.endswith("ing") and _HAS_VOWEL(word[:-3]):
        word = _mend(word[:-3])
    if word.endswith("y") and _HAS_VOWEL(word[:-1]):
        word = word[:-1] + "i"
    return word


def _mend(word: str) -> str:
    """What is left of a word that lost -ed or -ing, with its e back or its double consonant made single."""
    if word.endswith(("at", "bl", "iz")):
        return word + "e"
    if _doubled(word):
        return word if word[-1] in "lsz" else word[:-1]
    return word + "e" if _M_IS_1(word) and _CVC_END(word) else word


def _doubled(word: str) -> bool:
    """Whether a word ends in the same consonant twice; of two y the second is one after a consonant and a y."""
    if len(word) < 2 or word[-1] != word[-2]:
        return False
    return word[-1] not in "aeiouy" or (word[-1] == "y" and _Y_CONSONANT(word) is not None)


def _step_5(word: str) -> str:
    """A last e, and one of a last double l."""
    measured = word
    if word.endswith("e"):
        before = word[:-1]
        if _M_ABOVE_1(before) or (_M_IS_1(before) and not _CVC_END(before)):
            word = before
    if word.endswith("ll") and _M_ABOVE_1(measured):
        word = word[:-1]
    return word
