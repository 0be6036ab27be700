"""RAGFlow's query building: numbers worked out by hand in the comments."""

import pytest

from engine.stores.ragflow import question
from engine.stores.ragflow.tokens import IndexWords, candidates


def words(*known: str, fine: str = "", alike: dict[str, list[str]] | None = None) -> IndexWords:
    return IndexWords(dict.fromkeys(known, 1), dict.fromkeys(fine.split(), 1), alike or {})


# ---- what is left of the text


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        ("Retry  POLICY?", "retry policy"),
        ("RAG检索", "rag 检索"),
        ("检索GPT4模型", "检索 gpt4 模型"),
        ("ＡＢＣ\u3000１２", "abc 12"),  # full-width letters, digits and space
        ("a:b/(c)[d]{e}<f>", "a b c d e f"),
    ],
)
def test_text_is_lower_half_width_and_spaced(typed, normal):
    assert question.normal(typed) == normal


def test_stop_words_take_their_space_along_so_every_second_of_a_row_stays():
    # "how " goes first; of "is the " the pattern takes " is " and no space is left before "the"
    assert question.stripped("how is the retry done here") == " the retry here"
    # the second pass, which both forms make, takes the rest
    assert question.stripped(question.stripped("how is the retry done here")) == " retry here"


def test_a_question_of_stop_words_alone_keeps_what_is_left():
    assert question.stripped("什么") == "什么"


@pytest.mark.parametrize(
    ("text", "chinese"),
    [
        ("retry policy", True),  # two words
        ("retry policy timeout", True),  # three
        ("retry policy timeout network", False),
        (" retry policy timeout", False),  # a question word left its space, which counts as a word
        ("error 404 500 502 503", True),  # 4 of 5 are no letters, 0.8
        ("error code 404 500 502", False),  # 3 of 5, 0.6
    ],
)
def test_up_to_three_words_take_the_chinese_form(text, chinese):
    assert question.takes_chinese_form(text) is chinese


# ---- the English form


def test_the_english_form_weighs_tokens_synonyms_and_neighbours():
    index = words("configur", "retri", "polici", "network", alike={"retri": ["repeat again"]})
    built = question.build("how to configure retry policy network", index)
    # four Latin words of no dictionary weigh the same: 1/4; a synonym a quarter of that, 0.0625;
    # a pair twice the heavier one, 0.5
    assert built.form == "english"
    assert built.query == (
        '(configur^0.2500 ) (retri^0.2500 "repeat"^0.0625 "again"^0.0625) (polici^0.2500 ) (network^0.2500 )'
        ' "configur retri"^0.5000 "retri polici"^0.5000 "polici network"^0.5000'
    )
    assert built.keywords == ("configur", "retri", "polici", "network", "repeat", "again")
    assert built.synonyms == ("repeat", "again")
    assert built.minimum_match == 0  # the form passes none


def test_numbers_weigh_more_and_short_words_next_to_nothing():
    built = question.build("gateway error 404 xy upstream", words("gateway"))
    weights = dict(built.terms)
    # Latin: 0.3·log10(10 + 9999997.5/3.5) + 0.7·log10(10 + 999999700.5/300.5) = 0.3·6.45593 + 0.7·6.52216 = 6.50229
    # 404: df 5, so 0.3·6.45593 + 0.7·log10(10 + 999999995.5/5.5) = 0.3·6.45593 + 0.7·8.25964 = 7.71853, × 4 = 30.87411
    # xy: 6.50229 × 0.01 = 0.06502; sum 3·6.50229 + 30.87411 + 0.06502 = 50.44600
    assert weights["gateway"] == pytest.approx(6.50229 / 50.44600, abs=1e-5)
    assert weights["404"] == pytest.approx(30.87411 / 50.44600, abs=1e-5)
    assert weights["xy"] == pytest.approx(0.06502 / 50.44600, abs=1e-6)
    assert sum(weights.values()) == pytest.approx(1)


def test_a_lone_letter_is_no_term_but_stays_a_keyword():
    built = question.build("install plan b today now", words())
    assert "b" not in dict(built.terms)
    assert "b" in built.keywords


# ---- the Chinese form


def test_a_short_english_question_is_one_glued_piece():
    built = question.build("time sleep", words("time", "sleep"))
    # the piece "time sleep" has two terms of weight 1/2, and is a loose phrase at 1.5
    assert built.form == "chinese"
    assert built.query == '((time)^0.500000 (sleep)^0.500000 ("time sleep"~2)^1.5)'
    assert built.keywords == ("time sleep", "time", "sleep")
    assert built.minimum_match == 0.3


def test_synonyms_of_a_term_and_of_the_piece():
    built = question.build("sleep", words("sleep", alike={"sleep": ["wait"]}))
    assert built.query == '((((sleep OR (wait)^0.2))^1.000000)^5 OR ("wait")^0.7)'
    assert built.keywords == ("sleep", "wait", "sleep", "wait")


def test_chinese_is_cut_by_what_the_index_holds_and_split_finer():
    index = words("知识库", "检索", fine="知识 库 检索")
    built = question.build("知识库检索", index)
    # the index holds 知识库 and 检索; 知识库 splits into 知识 and 库, of which single characters are left out
    assert built.terms == (("知识库", 0.5), ("检索", 0.5))
    assert built.query == ('((知识库 OR "知识" OR ("知识"~2)^0.5)^0.500000 (检索)^0.500000 ("知识库 检索"~2)^1.5)')
    assert built.keywords == ("知识库检索", "知识库", "知识", "检索")


def test_thirty_two_keywords_end_the_question():
    numbers = [str(number) for number in range(100, 140)]
    built = question.build(" ".join(numbers), words())
    # each number is twice a keyword, as a piece and as its term: the 16th fills the 32 and is lost itself
    assert [term for term, _ in built.terms] == numbers[:15]
    assert built.left_out == tuple(numbers[15:])
    assert "(115)" not in built.query


def test_short_tokens_are_joined_with_their_like():
    # up to four short ones are one term; of six two come first, then the four that are left
    assert question._merged(["c", "x", "9", "compiler"]) == ["c x 9", "compiler"]
    assert question._merged(list("abcdef")) == ["a b", "c d e f"]
    assert question._merged(["多", "工位", "ab"]) == ["多 工位", "ab"]


def test_query_syntax_in_a_term_is_escaped():
    assert question._escaped('c++ "x" (y) a-b ~z^2') == r"c\+\+ \"x\" \(y\) a\-b \~z\^2"


# ---- tokens


def test_a_word_takes_the_form_that_the_index_holds():
    assert words("sleep").tokens("Sleeping") == ["sleep"]
    assert words("sleeping").tokens("sleeping") == ["sleeping"]  # the index was not stemmed
    assert words("woman").tokens("women") == ["woman"]
    assert words().tokens("policies") == ["polici"]  # unknown: the stem
    assert words().tokens("time.sleep(3.5)") == ["time", "sleep", "3", "5"]


def test_candidates_are_all_that_the_index_is_asked_for():
    assert candidates("Sleeping 42") == {"sleep", "sleeping", "42"}
    assert candidates("知识库") == {"知", "识", "库", "知识", "识库", "知识库"}
