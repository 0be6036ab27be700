"""Real search engines for the tests: Elasticsearch 8 and 9, and OpenSearch 2.

They are started from ``../shared/servers`` beside the project, one of each per test process, and end with it: the
script ends when its standard input closes, which happens even where the tests are killed.
``RANKSCOPE_TEST_ELASTICSEARCH_URL`` and ``RANKSCOPE_TEST_OPENSEARCH_URL`` point the tests at engines that run already.
Where there is neither, the tests are skipped.
"""

from __future__ import annotations

import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.settings.schema import StoreSettings

SCRIPT = Path(__file__).parents[3] / "shared" / "servers" / "server"
NAMES = ("elasticsearch-8", "elasticsearch-9", "opensearch-2")
VARIABLES = {
    "elasticsearch-8": "RANKSCOPE_TEST_ELASTICSEARCH_URL",
    "opensearch-2": "RANKSCOPE_TEST_OPENSEARCH_URL",
}
_PORTS = {"elasticsearch-8": (9210, 9229), "elasticsearch-9": (9230, 9249), "opensearch-2": (9250, 9269)}


@dataclass(frozen=True)
class Server:
    """A running engine. ``pid`` is the engine's own process, 0 for one that the tests did not start."""

    name: str
    url: str
    pid: int = 0
    username: str = ""
    password: str = ""
    ca: str = ""

    @property
    def kind(self) -> str:
        return self.name.partition("-")[0]

    def store(self, index: str, **more: Any) -> StoreSettings:
        """The ``[store]`` that searches this engine's index."""
        signed = {"username": self.username, "password": self.password, "ca_file": self.ca} if self.ca else {}
        return StoreSettings(**{"kind": self.kind, "url": self.url, "index": index, **signed, **more})

    def signal(self, number: signal.Signals) -> None:
        """Pause, wake or kill the engine's process."""
        os.kill(self.pid, number)


@contextmanager
def running(name: str, *, secure: bool = False, port: int = 0, measured: bool = False) -> Iterator[Server]:
    """The engine, started for the block. Skips the test where it cannot be had.

    ``measured`` has its code compiled for speed, which costs the start as much again.
    """
    if not SCRIPT.exists():
        pytest.skip(f"{name} is not here: no {SCRIPT}")
    if sys.platform != "linux":
        pytest.skip(f"{name} runs on Linux alone")
    with _environment(name, measured) as environment, tempfile.TemporaryFile() as errors:
        for _ in range(1 if port else 3):  # another process may take the port between the look and the start
            command = [sys.executable, str(SCRIPT), "run", name, "--port", str(port or _free_port(name))]
            # in a session of its own: an interrupt for the tests would end the script before it can end the engine
            with subprocess.Popen(
                [*command, *(["--secure"] if secure else [])],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                start_new_session=True,
            ) as process:
                assert process.stdout is not None
                if facts := process.stdout.readline():
                    told = json.loads(facts)
                    more = (told.get(key, "") for key in ("username", "password", "ca"))
                    try:
                        yield Server(name, told["url"], told["pid"], *more)
                    finally:
                        with suppress(ProcessLookupError, PermissionError):
                            os.kill(told["pid"], signal.SIGCONT)
                        process.communicate()
                    return
        errors.seek(0)
        pytest.fail(f"{name} did not start: {errors.read().decode(errors='replace')[-2000:]}")


@contextmanager
def _environment(name: str, measured: bool) -> Iterator[dict[str, str]]:
    """What to start it in. OpenSearch's nodes would find each other on the loopback interface and form one cluster,
    which ends with the first of them: its runner takes the first configuration in the class path, and this one says
    that it is alone."""
    options = [os.environ.get("JDK_JAVA_OPTIONS", "")]
    if not measured:
        options.append("-XX:TieredStopAtLevel=1")
    with tempfile.TemporaryDirectory() as folder:
        if name.startswith("opensearch"):
            config = Path(folder) / "config"
            config.mkdir()
            (config / "opensearch.yml").write_text("discovery.type: single-node\n")
            Path(folder).chmod(0o755)  # started by root the engine runs as another user
            options.append(f"-Xbootclasspath/a:{folder}")
        yield os.environ | {"JDK_JAVA_OPTIONS": " ".join(options).strip()}


def _free_port(name: str) -> int:
    """A port that no test process beside this one picks: a server listens only seconds after it was started."""
    first, last = _PORTS[name]
    beside = min(10, int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1")))
    own = range(first + int(os.environ.get("PYTEST_XDIST_WORKER", "gw0")[2:]) % beside, last + 1, beside)
    for port in random.sample(own, len(own)):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
    pytest.fail(f"no free port between {first} and {last}")


@contextmanager
def _shared(name: str) -> Iterator[Server]:
    if url := os.environ.get(VARIABLES.get(name, "")):
        yield Server(name, url)
    elif name == "elasticsearch-9" and os.environ.get(VARIABLES["elasticsearch-8"]):
        pytest.skip(f"{VARIABLES['elasticsearch-8']} names the one Elasticsearch to test with")
    else:
        with running(name) as server:
            yield server


@pytest.fixture(scope="session")
def elasticsearch_8() -> Iterator[Server]:
    with _shared("elasticsearch-8") as server:
        yield server


@pytest.fixture(scope="session")
def elasticsearch_9() -> Iterator[Server]:
    with _shared("elasticsearch-9") as server:
        yield server


@pytest.fixture(scope="session")
def opensearch_2() -> Iterator[Server]:
    with _shared("opensearch-2") as server:
        yield server


@pytest.fixture(scope="session", params=NAMES)
def any_engine(request: pytest.FixtureRequest) -> Server:
    """Each of the three in turn."""
    server: Server = request.getfixturevalue(request.param.replace("-", "_"))
    return server


def group(item: pytest.Item) -> str:
    """The engine that a test uses, '' for none: tests of one engine share a process, and so the engine."""
    for name in NAMES:
        if name.replace("-", "_") in getattr(item, "fixturenames", ()):
            return name
    parameters = getattr(item, "callspec", None)
    return str(parameters.params.get("any_engine", "")) if parameters else ""
