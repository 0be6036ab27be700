"""Stems: the pairs of Porter's paper, step by step and taken to the end; Snowball as the peer for whole words."""

import pytest
import Stemmer
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis.porter import stem


def pairs(table: str) -> list[tuple[str, str]]:
    words = table.split()
    return list(zip(words[::2], words[1::2], strict=True))


PAPER = pairs("""
caresses caress  ponies poni  ties ti  caress caress  cats cat
feed feed  agreed agre  plastered plaster  bled bled  motoring motor  sing sing
conflated conflat  troubled troubl  sized size  hopping hop  tanned tan  falling fall  hissing hiss  fizzed fizz
failing fail  filing file  happy happi  sky sky
relational relat  conditional condit  rational ration  valenci valenc  hesitanci hesit  digitizer digit
conformabli conform  radicalli radic  differentli differ  vileli vile  analogousli analog  vietnamization vietnam
predication predic  operator oper  feudalism feudal  decisiveness decis  hopefulness hope  callousness callous
formaliti formal  sensitiviti sensit  sensibiliti sensibl
triplicate triplic  formative form  formalize formal  electriciti electr  electrical electr  hopeful hope  goodness good
revival reviv  allowance allow  inference infer  airliner airlin  gyroscopic gyroscop  adjustable adjust
defensible defens  irritant irrit  replacement replac  adjustment adjust  dependent depend  adoption adopt
homologou homolog  communism commun  activate activ  angulariti angular  homologous homolog  effective effect
bowdlerize bowdler  probate probat  rate rate  cease ceas  controll control  roll roll
generalizations gener  oscillators oscil
""")
LATER = pairs("""
as as  is is  a a  be be  by by  io io
possibly possibl  forcibly forcibl  assembly assembl  bli bli  terribly terribl
analogy analog  technologies technolog  topology topolog  apology apolog  logy logi
specced spec  hajjed haj  a11ed a1
yes ye  saying sai  try try  tries tri  dying dy  toy toi  syzygy syzygi  yyy yyi  enjoying enjoi
ing ing  ed ed  eed eed  ies i  sses ss  ous ou  ion ion  école école
""")
SNOWBALL = Stemmer.Stemmer("porter")


@pytest.mark.parametrize(("word", "expected"), PAPER)
def test_the_pairs_of_the_paper(word: str, expected: str) -> None:
    assert stem(word) == expected


@pytest.mark.parametrize(("word", "expected"), LATER)
def test_the_later_changes_short_words_and_y(word: str, expected: str) -> None:
    assert stem(word) == expected


ENDINGS = ["s", "ed", "ing", "eed", "y", "ational", "izer", "ization", "ness", "ful", "ement", "ment", "ent", "ion"]
ENDINGS += ["sion", "tion", "able", "e", "ll", "le", "ate", "ive"]


@given(st.text("aeiouybdnrst", max_size=8), st.sampled_from(ENDINGS), st.sampled_from(["", *ENDINGS]))
def test_snowball_agrees_where_the_two_are_the_same_algorithm(start: str, middle: str, end: str) -> None:
    word = start + middle + end
    different = ("bli", "bly", "logi", "logy", "yy")
    if len(word) > 2 and not any(part in word for part in different):
        assert stem(word) == SNOWBALL.stemWord(word)


@given(st.text("aeiouyYsdlé𝐚1'", max_size=6), st.sampled_from(["", *ENDINGS]))
def test_any_word_has_a_stem(start: str, end: str) -> None:
    assert bool(stem(start + end)) == bool(start + end)
