"""What passes between the console's process and the worker: typed messages, each a frame of length and msgpack.

Requests carry an id and are answered under it: any number of ``Scores`` or ``Vectors``, then ``Done`` or ``Failed``.
``Progress`` and ``Report`` answer nobody, ``Alive`` a ``Ping``. Times are durations, since no two processes need share
a clock.
"""

from __future__ import annotations

import msgspec

from engine.local.base import ModelInfo, ModelSpec, Role

HEADER = 4
"""Bytes before a frame that say how long it is, little-endian."""


class Message(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """Base of every message."""


# --- to the worker ----------------------------------------------------------------------------------------------------


class Configure(Message, frozen=True):
    """The first message, and again when it changes: how models are loaded from now on.

    ``threads`` 0: as torch decides; ``offline``: nothing is downloaded; ``cache_dir`` holds the hub's models.
    """

    threads: int = 0
    offline: bool = False
    cache_dir: str = ""


class Open(Message, frozen=True):
    """Load the model; answered by ``Opened``."""

    id: int
    spec: ModelSpec


class Score(Message, frozen=True):
    """Score ``total`` texts against the query; they follow as ``Texts``. Answered by ``Scores`` in the texts' order.

    ``window`` documents are scored together; ``batch`` and ``budget`` bound one forward pass (0: the model's own).
    """

    id: int
    spec: ModelSpec
    query: str
    total: int
    instruction: str = ""
    max_tokens: int = 0
    window: int = 16
    batch: int = 0
    budget: int = 0


class Texts(Message, frozen=True):
    """More texts of a ``Score``."""

    id: int
    texts: list[str]


class Encode(Message, frozen=True):
    """Vectors of the texts; answered by ``Vectors`` in the texts' order."""

    id: int
    spec: ModelSpec
    texts: list[str]
    as_query: bool
    instruction: str = ""


class Cancel(Message, frozen=True):
    """Drop what is left of a request; no answer follows."""

    id: int


class Ping(Message, frozen=True):
    """Answered by ``Alive`` at once, whatever is being computed."""


Request = Configure | Open | Score | Texts | Encode | Cancel | Ping


# --- from the worker --------------------------------------------------------------------------------------------------


class Progress(Message, frozen=True):
    """A model on its way: ``step`` is ``import``, ``download`` or ``load``; ``done`` of ``total`` bytes, 0 unknown.
    ``done`` < 0 says that it is there, or failed."""

    spec: ModelSpec
    step: str
    done: int = 0
    total: int = 0


class Opened(Message, frozen=True):
    id: int
    info: ModelInfo


class Scores(Message, frozen=True):
    """Raw scores of texts ``start …``; ``tokens`` seen and ``totals`` there were of each.

    The durations, in milliseconds, count since the request came: waiting, making ids, and the forward passes (shared
    with other queries or not).
    """

    id: int
    start: int
    scores: list[float]
    tokens: list[int]
    totals: list[int]
    queue_ms: float = 0.0
    tokenise_ms: float = 0.0
    forward_ms: float = 0.0


class Vectors(Message, frozen=True):
    """float32[n, dimension] as bytes, with the tokens seen of each text and whether it was cut."""

    id: int
    start: int
    data: bytes
    tokens: list[int]
    cut: list[bool]


class Done(Message, frozen=True):
    id: int


class Failed(Message, frozen=True):
    """``kind`` as of ``ModelError``, or ``cuda``, ``extra``, ``fault``; ``loading`` where the model did not come up."""

    id: int
    kind: str
    message: str
    hint: str = ""
    loading: bool = False


class Report(Message, frozen=True):
    """The models that are loaded, least recently used first, and the memory of their device (0 on the CPU)."""

    models: list[tuple[ModelSpec, ModelInfo]]
    device_used: int = 0
    device_total: int = 0


class Alive(Message, frozen=True):
    """How long the computing thread has been in its step of a model (a layer, or a pass of few), and how much processor
    time went by in it; 0 where it has nothing to do."""

    step_s: float = 0.0
    cpu_s: float = 0.0


Answer = Progress | Opened | Scores | Vectors | Done | Failed | Report | Alive

_encoder = msgspec.msgpack.Encoder()
_requests = msgspec.msgpack.Decoder(Request)
_answers = msgspec.msgpack.Decoder(Answer)


def frame(message: Request | Answer) -> bytes:
    """The message as it goes over the pipe."""
    body = _encoder.encode(message)
    return len(body).to_bytes(HEADER, "little") + body


def request_of(body: bytes) -> Request:
    """The request in a frame's body. Raises ``msgspec.DecodeError``."""
    request: Request = _requests.decode(body)
    return request


def answer_of(body: bytes) -> Answer:
    """The answer in a frame's body. Raises ``msgspec.DecodeError``."""
    answer: Answer = _answers.decode(body)
    return answer


def role_of(request: Open | Score | Encode) -> Role:
    return request.spec.role
