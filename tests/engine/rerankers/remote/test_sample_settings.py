"""The sample settings of every kind of service: they load, and a vendor takes what they make of a search."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import pytest

from console.locations import sample_configs_dir
from engine.api import open_pipeline
from engine.records import Status
from engine.rerankers.registry import RERANKERS
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.providers import Provider, provider
from engine.settings.load import load
from engine.settings.schema import Settings, StoreSettings
from tests.corpus import build
from tests.servers import aws, strict
from tests.servers.loopback import serving
from tests.servers.vendors import VENDORS

SAMPLES = {file.name: load(None, file).settings for file in sorted(sample_configs_dir().glob("*.toml"))}
SERVED = {name: sample for name, sample in SAMPLES.items() if sample.rerank.provider not in RERANKERS}


def row_of(settings: Settings) -> Provider:
    row = provider(settings.rerank.provider, settings.providers)
    assert row is not None, settings.rerank.provider
    return row


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("samples")
    build(home / "index")
    return home


def test_every_dialect_has_a_sample() -> None:
    assert {row_of(sample).dialect for sample in SERVED.values()} == set(DIALECTS)


@pytest.mark.parametrize("name", SERVED)
async def test_a_vendor_takes_what_a_sample_asks(name: str, folder: Path) -> None:
    sample = SERVED[name]
    row = row_of(sample)
    vendor = VENDORS.get(sample.rerank.provider) or VENDORS[sample.providers[sample.rerank.provider].like or "vllm"]
    key = f"{aws.ACCESS_KEY}:{aws.SECRET_KEY}" if row.auth_scheme == "sigv4" else strict.KEY
    own = dict(sample.providers)
    if row.dialect == "vertex":
        own["vertex"] = msgspec.structs.replace(own["vertex"], options={"project": "acme-search"})
    async with serving(answer=vendor) as server:
        base = server.url + urlsplit(sample.rerank.base_url or row.base).path
        rerank = msgspec.structs.replace(sample.rerank, base_url=base, api_key=key, text="{text}", fallback="none")
        settings = Settings(
            store=StoreSettings(path="index"), weights={"lexical": 1.0, "dense": 0.0}, rerank=rerank, providers=own
        )
        async with open_pipeline(settings, folder) as pipeline:
            trace = await pipeline.search("wait some seconds on a thread until two files sleep", settings)
    stage = trace.stage("rerank")
    assert stage is not None
    assert stage.outcome.status is Status.OK, stage.outcome
    assert stage.outcome.done > 5
