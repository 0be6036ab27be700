"""What opening a pipeline costs those who never ask a service: nothing."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import asyncio, sys
import engine.api, engine.rerankers.registry
from concurrent.futures import ThreadPoolExecutor
from engine.remote.pool import ClientPool
from engine.remote.wire import Service, WireRequest

HEAVY = {"httpx", "httpx_aiohttp", "aiohttp", "ssl"}
loaded = lambda: sorted(HEAVY & set(sys.modules))

async def main():
    pool = ClientPool(ThreadPoolExecutor(1))
    before = loaded()
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        await pool.send(Service("acme"), WireRequest.post(f"http://127.0.0.1:{port}/", {}))
    except Exception as error:
        kind = error.kind
    await pool.close()
    server.close()
    print(before, loaded(), kind)

asyncio.run(main())
"""


def test_the_http_library_comes_with_the_first_call() -> None:
    done = subprocess.run([sys.executable, "-W", "error", "-c", PROGRAM], capture_output=True, text=True, check=True)
    before, _, rest = done.stdout.partition("] ")
    assert "httpx" not in before
    assert "aiohttp" not in before
    assert rest.strip() == "['aiohttp', 'httpx', 'httpx_aiohttp', 'ssl'] reset"
    assert done.stderr == ""
