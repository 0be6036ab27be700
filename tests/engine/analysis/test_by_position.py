import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.analysis import analyzers
from engine.analysis.base import AlignedAnalyzer

pieces = st.lists(st.sampled_from(["The", "cat's", "of", "é", "漢字かな", "x"]))


@pytest.mark.parametrize("name", [n for n in analyzers.ANALYZERS if isinstance(analyzers.get(n), AlignedAnalyzer)])
@given(text=st.one_of(st.text(max_size=40), pieces.map(" ".join)))
def test_the_fast_positions_are_those_of_the_tokens(name: str, text: str) -> None:
    analyzer = analyzers.get(name)
    assert isinstance(analyzer, AlignedAnalyzer)
    fast = [(term, position) for position, term in enumerate(analyzer.by_position(text)) if term]
    assert fast == [(token.text, token.position) for token in analyzer.tokens(text)]


def test_english_is_aligned_and_identifier_is_not() -> None:
    assert isinstance(analyzers.get("english"), AlignedAnalyzer)
    assert not isinstance(analyzers.get("identifier"), AlignedAnalyzer)
