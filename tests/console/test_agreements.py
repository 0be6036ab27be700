"""What may leave the machine: asked once, kept, refused until it is asked again."""

from __future__ import annotations

from pathlib import Path

from console.agreements import Agreements
from engine.remote.offline import Departure, Place


def departure(provider: str = "Cohere", fields: tuple[str, ...] = ("title", "text")) -> Departure:
    return Departure(provider, "rerank-v3.5", "api.cohere.com", Place.INTERNET, fields, 50, 12_345)


def test_what_was_agreed_to_is_not_asked_about_again(tmp_path: Path) -> None:
    file = tmp_path / "data" / "agreements.json"
    agreements = Agreements(file)
    assert not agreements.may_leave(departure())
    assert not agreements.may_leave(departure())
    assert agreements.pending == [departure()], "asked about once"
    agreements.answer(agreed=True)
    assert agreements.pending == []
    again = Agreements(file)
    assert again.may_leave(departure())
    assert again.may_leave(departure(fields=("title",))), "fewer fields are covered"
    assert not again.may_leave(departure(fields=("title", "salary"))), "another field is another question"
    assert not again.may_leave(departure("Jina AI"))


def test_what_was_refused_is_held_back_in_silence_until_it_is_asked_again(tmp_path: Path) -> None:
    file = tmp_path / "agreements.json"
    agreements = Agreements(file)
    agreements.may_leave(departure())
    agreements.answer(agreed=False)
    assert not agreements.may_leave(departure())
    assert agreements.pending == []
    assert not file.exists()
    agreements.ask_again()
    assert not agreements.may_leave(departure())
    assert len(agreements.pending) == 1


def test_being_told_is_no_agreement(tmp_path: Path) -> None:
    file = tmp_path / "agreements.json"
    assert not Agreements(file).told_before(departure())
    assert Agreements(file).told_before(departure())
    assert not Agreements(file).may_leave(departure())


def test_a_damaged_file_asks_anew(tmp_path: Path) -> None:
    file = tmp_path / "agreements.json"
    file.write_text("[{", encoding="utf-8")
    assert not Agreements(file).may_leave(departure())
