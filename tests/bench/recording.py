"""Size and speed of recordings, beside the JSON of the same searches: ``python tests/bench/recording.py CORPUS [N]``.

CORPUS is a BEIR folder; N queries of it are recorded. Printed are bytes per candidate, and medians per query.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

import msgspec

from console.cli import run
from engine.api import open_pipeline
from engine.ingest.queries import QueryItem, read_queries
from engine.recorder import recorder
from engine.recording import open_recording
from engine.report import to_json
from engine.settings.schema import Settings, StoreSettings


async def main(corpus: Path, count: int, folder: Path) -> None:
    settings = Settings(store=StoreSettings(path="index"))
    queries = [item for item in read_queries(corpus / "queries.jsonl") if isinstance(item, QueryItem)][:count]
    taken: dict[str, list[float]] = {"search": [], "record": [], "replay": []}
    candidates = json = 0
    async with open_pipeline(settings, folder) as pipeline:
        for texts, name in ((100, "whole"), (0, "no texts")):
            with recorder(folder / name, settings, pipeline.store.info, texts=texts) as taking:
                for item in queries:
                    start = time.perf_counter()
                    search = pipeline.begin(item.text)
                    trace = await search.finish(settings)
                    searched = time.perf_counter()
                    await taking.add(item.id, search)
                    if texts:
                        taken["search"].append(searched - start)
                        taken["record"].append(time.perf_counter() - searched)
                        candidates += len(trace.pool)
                        json += len(msgspec.json.encode(to_json(trace)))
            size = (folder / name).stat().st_size
            print(f"{name:9} {size / candidates:6.1f} bytes per candidate, {size / json:5.2f} of the results' JSON")
    start = time.perf_counter()
    recording = open_recording(folder / "whole")
    print(f"opened in {(time.perf_counter() - start) * 1e3:.0f} ms: {count} queries, {candidates} candidates")
    for each in recording.searches:
        start = time.perf_counter()
        each.search().rank(recording.settings)
        taken["replay"].append(time.perf_counter() - start)
    for what, times in taken.items():
        print(f"{what:9} {statistics.median(times) * 1e3:6.1f} ms per query")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        run(["index", sys.argv[1], "--into", f"{temporary}/index"])
        asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 40, Path(temporary)))
