"""``text_similarity_reranker`` on a trial licence, with an inference endpoint that is a reranker in TEI's format on
loopback: the engine's order is the console's, which asked the same reranker.

Its blends need the retrievers ``linear`` and ``rrf``, which are in none of these builds; see ``test_export_bodies``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from console.native import beside
from engine.api import open_pipeline
from engine.export.registry import ENGINES, express_in
from engine.settings import knobs
from tests.engine.export.on_servers import Console, load, needs_cranfield, queries, same_order, send, shown
from tests.servers.engines import Server

pytestmark = needs_cranfield


def score(query: str, text: str) -> float:
    """Any order will do that no retrieval gives: a hash of both."""
    digest = hashlib.sha256(f"{query}\n{' '.join(text.split())}".encode()).digest()
    return int.from_bytes(digest[:4], "big") / 2**32


class Reranker(BaseHTTPRequestHandler):
    """``POST /rerank`` as text-embeddings-inference has it."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        scored = [{"index": n, "score": score(asked["query"], text)} for n, text in enumerate(asked["texts"])]
        body = json.dumps(sorted(scored, key=lambda one: -one["score"])).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def reranker() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Reranker)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def console(corpus: tuple[Console, dict], elasticsearch_8: Server) -> Console:
    load(elasticsearch_8, corpus[1])
    return corpus[0]


@pytest.fixture(scope="module")
def trial(elasticsearch_8: Server) -> Iterator[Server]:
    """The engine with every feature, and back on the basic licence at the end."""
    started = send(elasticsearch_8, "POST", "/_license/start_trial?acknowledge=true")
    if not started.body.get("trial_was_started"):
        pytest.skip(f"no trial licence: {started.body}")
    yield elasticsearch_8
    send(elasticsearch_8, "POST", "/_license/start_basic?acknowledge=true")


def test_without_a_licence_the_engine_refuses(console: Console, elasticsearch_8: Server, reranker: str) -> None:
    settings = console.with_(
        rerank__enabled=True, rerank__provider="tei", rerank__base_url=reranker, rerank__text="{text}"
    )
    _, given = console.search("wing flow", settings)
    made = express_in(ENGINES["elasticsearch"], console.wish(settings, given))
    refused = send(elasticsearch_8, "POST", made.search.path, made.body)
    assert refused.status == 403
    assert "non-compliant for [text_similarity_reranker]" in json.dumps(refused.body)
    assert "Enterprise" in " ".join(made.notes)


def test_the_engine_reranks_as_the_console_does(console: Console, trial: Server, reranker: str) -> None:
    settings = console.with_(
        rerank__enabled=True,
        rerank__provider="tei",
        rerank__base_url=reranker,
        rerank__text="{text}",
        rerank__top_n=30,
    )
    wrong, ready = [], False
    for text in queries()[::24]:
        trace, given = console.search(text, settings)
        made = express_in(ENGINES["elasticsearch"], console.wish(settings, given))
        for request in made.setup if not ready else ():
            body = {**request.body, "service_settings": {**request.body["service_settings"], "api_key": "none"}}
            done = send(trial, request.method, request.path, body)
            assert done.status == 200, done.body
            ready = True
        answer = send(trial, "POST", made.search.path, made.body)
        if not same_order(trace, answer.ids):
            wrong.append(f"{text}\n  ours {shown(trace)}\n  engine {answer.ids}")
    assert ready
    assert wrong == []


def test_fewer_candidates_than_are_to_be_reranked(console: Console, trial: Server, reranker: str) -> None:
    """The engine refuses a rescorer that rescores fewer documents than are reranked. The endpoint is there already."""
    settings = console.with_(
        rerank__enabled=True,
        rerank__provider="tei",
        rerank__base_url=reranker,
        rerank__text="{text}",
        rerank__top_n=50,
        legs__lexical__top_k=10,
        legs__dense__top_k=10,
    )
    trace, given = console.search(queries()[0], settings)
    made = express_in(ENGINES["elasticsearch"], console.wish(settings, given))
    answer = send(trial, "POST", made.search.path, made.body)
    assert answer.status == 200, answer.body
    # the engine's words find more than the first ten: what both reranked stands in one order
    ours = [trace.pool.ids[row] for row in trace.ranking.order.tolist()]
    both = [name for name in answer.ids if name in ours]
    assert len(both) >= 5
    assert both == [name for name in ours if name in both]
    assert any("every document that lexical matches counts, not the first 10 alone" in note for note in made.notes)


async def test_the_engines_own_list_is_set_beside_ours_after_reranking(
    console: Console, trial: Server, reranker: str
) -> None:
    """The endpoint is the one that the test before made."""
    there = {"store.kind": "elasticsearch", "store.url": trial.url, "rerank.provider": "tei", "rerank.top_n": 30}
    asked = {"rerank.enabled": True, "rerank.base_url": reranker, "rerank.text": "{text}"}
    settings = knobs.replace_all(console.settings, {**there, **asked})
    async with open_pipeline(settings, Path()) as pipeline:
        search = pipeline.begin("wing flow in a slipstream")
        found = await beside(search, await search.finish(settings), pipeline.store, Path())
    natives = {native.label: native for native in found.natives}
    assert natives["bool"].agrees
    assert natives["bool + reranker"].agrees, natives["bool + reranker"]
    assert natives["bool"].ids != natives["bool + reranker"].ids
    send(trial, "DELETE", "/_inference/rerank/rankscope-rerank?force=true")
