"""A real peer: michaelfeil/infinity serving a tiny cross-encoder, in a virtual environment of its own.

Its pins clash with ours, so it is no part of the extra ``test``. ``RANKSCOPE_TEST_INFINITY=DIR`` asks for it: the
environment is built in DIR where there is none yet (minutes, 1.4 GB) and kept for the next time.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine.api import open_pipeline
from engine.records import RanOn, Status
from engine.settings.schema import ProviderSettings, RerankSettings, Settings
from engine.trace import Trace
from tests.corpus import build

VARIABLE = "RANKSCOPE_TEST_INFINITY"
NEEDS = ("infinity-emb[torch,server]==0.0.77", "transformers<4.50", "click<8.2")
QUERY = "wait some seconds on a thread until two files sleep"
START_S = 90

pytestmark = pytest.mark.skipif(not os.environ.get(VARIABLE), reason=f"{VARIABLE}=DIR asks for a real infinity server")


def _environment(folder: Path) -> Path:
    """The server's program, in an environment that is built where there is none."""
    program = folder / "bin" / "infinity_emb"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        install = [folder / "bin" / "python", "-m", "pip", "install", "-q", *NEEDS, f"torch=={version('torch')}"]
        done = subprocess.run(install, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"pip cannot install infinity: {done.stderr.strip().splitlines()[-1]}")
    return program


def _model(folder: Path) -> Path:
    """A tiny cross-encoder, its tokenizer under a name that the server's older transformers knows."""
    from tests.tiny_models import tiny_reranker

    made = tiny_reranker(folder, "bert")
    config = made / "tokenizer_config.json"
    config.write_text(json.dumps({**json.loads(config.read_text()), "tokenizer_class": "PreTrainedTokenizerFast"}))
    return made


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers", reason="the tiny model is made with transformers")
    return _model(tmp_path_factory.mktemp("infinity") / "tiny")


@pytest.fixture(scope="module")
def server(model: Path) -> Iterator[str]:
    """The address of the running server."""
    program = _environment(Path(os.environ[VARIABLE]).expanduser())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--engine", "torch", "--device", "cpu", "--no-bettertransformer", "--no-compile", "--no-model-warmup"]
    place = ["--host", "127.0.0.1", "--port", str(port), "--model-id", str(model), "--served-model-name", "tiny"]
    quiet = {"HF_HUB_OFFLINE": "1", "DO_NOT_TRACK": "1", "INFINITY_ANONYMOUS_USAGE_STATS": "0"}
    log = model.parent / "server.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [program, "v2", *options, *place], stdout=out, stderr=subprocess.STDOUT, env={**os.environ, **quiet}
        )
        try:
            _wait(process, port, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + START_S
    while time.monotonic() < until and process.poll() is None:
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1)
            connection.request("GET", "/health")
            if connection.getresponse().status == 200:
                connection.close()
                return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"infinity did not start:\n{log.read_text(errors='replace')[-2000:]}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("peer")
    build(home / "index")
    return home


async def ask(folder: Path, url: str, **own: Any) -> Trace:
    settings = Settings(
        weights={"lexical": 1.0, "dense": 0.0},
        rerank=RerankSettings(provider="infinity", base_url=url, model=own.pop("model", "tiny"), text="{text}"),
        providers={"infinity": ProviderSettings(**own)},
    )
    async with open_pipeline(settings, folder) as pipeline:
        return await pipeline.search(QUERY, settings)


def by_transformers(model: Path, texts: list[str]) -> list[float]:
    """What the model itself says: σ of its one logit."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(model)
    scorer = AutoModelForSequenceClassification.from_pretrained(model).eval()
    with torch.inference_mode():
        pairs = tokenizer([QUERY] * len(texts), texts, padding=True, truncation=True, return_tensors="pt")
        return torch.sigmoid(scorer(**pairs).logits[:, 0]).tolist()


async def test_the_models_own_scores_come_back_in_its_order(folder: Path, server: str, model: Path) -> None:
    trace = await ask(folder, server, batch=4)
    stage, info = trace.stage("rerank"), trace.reranker
    assert stage is not None
    assert info is not None
    assert (stage.outcome.status, stage.ran_on) == (Status.OK, RanOn.REMOTE), stage.outcome
    assert info.usage["requests"] == -(-stage.outcome.total // 4) > 1
    assert info.usage["tokens"] > 0
    texts = [trace.documents[i].text_of("text") for i in trace.pool.ids]
    assert trace.rerank.raw == pytest.approx(by_transformers(model, texts), abs=2e-3)
    assert (np.diff(trace.rerank.raw[trace.ranking.order]) <= 0).all()
    assert trace.ranking.order.tolist() != trace.ranking.fused_order.tolist()


async def test_what_it_refuses_it_says_in_its_own_words(folder: Path, server: str) -> None:
    trace = await ask(folder, server, extra={"top_n": "many"})
    stage = trace.stage("rerank")
    assert stage is not None
    assert stage.outcome.status is Status.FAILED
    assert stage.outcome.text.startswith("Infinity: 422 Unprocessable")
    assert "top_n" in stage.outcome.text
    assert stage.outcome.hint
    assert trace.ranking.order.tolist() == trace.ranking.fused_order.tolist()


def test_doctor_finds_it(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from console.cli import run

    monkeypatch.setenv("RANKSCOPE_HOME", str(tmp_path))
    sets = ["--set", "rerank.provider=infinity", "--set", f"rerank.base_url={server}", "--set", "rerank.model=tiny"]
    run(["doctor", "infinity", *sets, "--repeat", "2"])  # a model of random weights may fail its question
    told = capfd.readouterr().out
    assert "reranker infinity, key: none, and none is needed" in told
    assert "reranker infinity: tiny answered in" in told
    assert "got other scores" not in told
