import pytest

from engine.errors import SettingsError
from engine.stores.embedded.matching import required_matches


@pytest.mark.parametrize(
    ("spec", "optional", "required"),
    [
        ("0%", 5, 0),
        ("2", 5, 2),
        ("7", 5, 7),
        ("-1", 5, 4),
        ("-7", 5, 0),
        ("30%", 10, 3),
        ("30%", 5, 1),
        ("99%", 3, 2),
        ("100%", 3, 3),
        ("-25%", 8, 6),
        ("-25%", 3, 3),
        ("-0%", 3, 3),
        ("3<90%", 3, 3),
        ("3<90%", 10, 9),
        ("2<-25% 9<-3", 2, 2),
        ("2<-25% 9<-3", 8, 6),
        ("2<-25% 9<-3", 12, 9),
        ("2 < 50%", 6, 3),
        (" 2 ", 6, 2),
        ("+2", 6, 2),
    ],
)
def test_as_elasticsearch_counts(spec: str, optional: int, required: int) -> None:
    assert required_matches(spec, optional) == required


@pytest.mark.parametrize("spec", ["", "many", "50 %", "1.5", "x<2", "3<", "%"])
def test_malformed(spec: str) -> None:
    with pytest.raises(SettingsError, match="minimum_should_match"):
        required_matches(spec, 10)
