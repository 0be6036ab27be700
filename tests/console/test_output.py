from __future__ import annotations

from typing import Any

import pytest

from console.output import grid, json_bytes, json_line, movement, table


def leg(contribution: float) -> dict[str, Any]:
    return {
        "raw": 1.0,
        "normalized": 0.5,
        "weight": 0.5,
        "contribution": contribution,
        "returned": True,
        "fields": {},
    }


def result(rank: int, fused: int, id_: str, title: str, rerank: float | None) -> dict[str, Any]:
    return {
        "rank": rank,
        "id": id_,
        "title": title,
        "score": 0.98 if rerank is None else rerank,
        "fused_rank": fused,
        "fused_score": 0.5,
        "legs": {"lexical": leg(0.125), "dense": leg(0.375)},
        "features": {},
        "rerank": None
        if rerank is None
        else {"raw": 1.0, "kind": "logit", "score": rerank, "tokens": 3, "truncated": False},
        "blend": None,
    }


REPORT = {
    "results": [
        result(1, 3, "time.sleep", "Suspend execution", 0.9),
        result(2, 2, "日本", "evil \x1b[2J title\nwith a line break", None),
        result(10, 1, "a very long id that is never cut because people copy it", "t" * 60, 0.25),
    ]
}


def test_table_bytes() -> None:
    long = "a very long id that is never cut because people copy it"
    assert table(REPORT) == (
        f"rank  Δ   {'id':55}   score   fused  lexical   dense  rerank  title\n"
        f"   1  ▲2  {'time.sleep':55}  0.9000  0.5000   0.1250  0.3750  0.9000  Suspend execution\n"
        f"   2  =   日本{'':51}  0.9800  0.5000   0.1250  0.3750       –  evil ␛[2J title with a line break\n"
        f"  10  ▼9  {long}  0.2500  0.5000   0.1250  0.3750  0.2500  {'t' * 47}…\n"
    )


def test_no_results_are_said() -> None:
    assert table({"results": []}) == "no results\n"


def test_json_bytes() -> None:
    value = {"query": "é", "score": float("nan"), "results": [1, 2.5], "none": None}
    assert json_bytes(value) == (
        '{\n  "query": "é",\n  "score": null,\n  "results": [\n    1,\n    2.5\n  ],\n  "none": null\n}\n'.encode()
    )
    assert json_line(value) == '{"query":"é","score":null,"results":[1,2.5],"none":null}\n'.encode()


@pytest.mark.parametrize(("before", "after", "shown"), [(3, 1, "▲2"), (1, 2, "▼1"), (5, 5, "=")])
def test_movement(before: int, after: int, shown: str) -> None:
    assert movement(before, after) == shown


def test_grid_aligns_by_columns_of_the_terminal() -> None:
    assert grid(["name", "n"], [["日", "1"], ["abc", "10"]], numeric=["n"]) == "name   n\n日     1\nabc   10\n"
