"""The models in memory: which are loaded, which must go for another, and a thread of its own to load them."""

from __future__ import annotations

import queue
import threading
from collections import OrderedDict
from collections.abc import Callable

from engine.errors import MissingExtraError, ModelError, RankscopeError
from engine.local.base import ModelInfo, ModelSpec, Role, Scorer, Stopped, TextEncoder
from engine.local.messages import Configure, Failed
from engine.local.worker.shortage import is_shortage, release
from engine.logs import logger

log = logger(__name__)

Model = Scorer | TextEncoder
OnProgress = Callable[[str, int, int], None]
Loader = Callable[[Configure, ModelSpec, OnProgress], Model]

MOST: dict[Role, int] = {"reranker": 3, "embedder": 2}
"""Models of a role that are kept at a time: a cascade's, two dense legs'."""
_WHOLE = "is it whole, and one that transformers loads? The log has more"


class Slots:
    """Loaded models, least recently used first. One thread loads, one after the other, embedders first.

    ``progress(spec, step, done, total)`` hears how far a load is and may raise ``Stopped``; ``ended(spec, failed)``
    that it is over; ``in_use`` names the models that have work and must stay. ``configure`` may be set anew.
    """

    def __init__(
        self,
        load: Loader,
        configure: Configure,
        progress: Callable[[ModelSpec, str, int, int], None],
        ended: Callable[[ModelSpec, Failed | None], None],
        in_use: Callable[[], set[ModelSpec]],
    ) -> None:
        self.configure = configure
        self._load, self._progress, self._ended, self._in_use = load, progress, ended, in_use
        self._models: OrderedDict[ModelSpec, Model] = OrderedDict()
        self._lock = threading.Lock()
        self._wanted: queue.PriorityQueue[tuple[bool, int, ModelSpec]] = queue.PriorityQueue()
        self._asked: set[ModelSpec] = set()
        self._count = 0
        threading.Thread(target=self._run, name="load", daemon=True).start()

    def get(self, spec: ModelSpec) -> Model:
        """The loaded model, which is now the one used last."""
        with self._lock:
            self._models.move_to_end(spec)
            return self._models[spec]

    def loaded(self) -> list[ModelSpec]:
        with self._lock:
            return list(self._models)

    def infos(self) -> list[tuple[ModelSpec, ModelInfo]]:
        with self._lock:
            return [(spec, model.info) for spec, model in self._models.items()]

    def want(self, spec: ModelSpec) -> None:
        """See that the model gets loaded."""
        with self._lock:
            if spec in self._models or spec in self._asked:
                return
            self._asked.add(spec)
            self._count += 1
            self._wanted.put((spec.role != "embedder", self._count, spec))

    def _run(self) -> None:
        while True:
            _, _, spec = self._wanted.get()
            failed = self._open(spec)
            with self._lock:
                self._asked.discard(spec)
            self._ended(spec, failed)

    def _open(self, spec: ModelSpec) -> Failed | None:
        def told(step: str, done: int, total: int) -> None:
            self._progress(spec, step, done, total)

        try:
            told("load", 0, 0)
            self._make_room(spec)
            try:
                model = self._load(self.configure, spec, told)
            except ModelError as error:
                if error.kind != "memory" or not self._let_go(self._idle()):
                    raise
                model = self._load(self.configure, spec, told)  # what was idle has made room
        except Stopped:
            return Failed(0, "cancelled", "nobody waits for the model any more", loading=True)
        except Exception as error:
            log.warning("%s could not be loaded", spec.model, exc_info=error)
            return failure(error, spec.model)
        with self._lock:
            self._models[spec] = model
        return None

    def _make_room(self, spec: ModelSpec) -> None:
        """Of each role no more than its share stays, the least recently used go first."""
        with self._lock:
            same = [other for other in self._models if other.role == spec.role]
        idle = [other for other in self._idle() if other.role == spec.role]
        self._let_go(idle[: max(0, len(same) - MOST[spec.role] + 1)])

    def _idle(self) -> list[ModelSpec]:
        used = self._in_use()
        return [spec for spec in self.loaded() if spec not in used]

    def _let_go(self, specs: list[ModelSpec]) -> bool:
        """Whether there were any; their memory is given back."""
        with self._lock:
            for spec in specs:
                del self._models[spec]
        if specs:
            release()
        return bool(specs)


def failure(error: BaseException, model: str = "") -> Failed:
    """What an exception means to those who asked; one of ``model``'s loading, where it is named. Kind ``cuda`` is one
    that the process does not recover from."""
    text, loading = str(error).strip().partition("\n")[0], bool(model)
    if isinstance(error, ModelError):
        return Failed(0, error.kind, error.message, error.hint, loading)
    if isinstance(error, RankscopeError):
        return Failed(
            0, "extra" if isinstance(error, MissingExtraError) else "files", error.message, error.hint, loading
        )
    if isinstance(error, ImportError):
        missing = error.name or text
        return Failed(0, "extra", f"local models need {missing}", "pip install 'rankscope[local]'", loading)
    if is_shortage(error):
        where = "the device" if "CUDA" in text or "MPS" in text else "memory"
        return Failed(0, "memory", f"the model did not fit into {where}: {text}", loading=loading)
    if "CUDA error" in text or type(error).__name__ == "AcceleratorError":
        return Failed(0, "cuda", f"the GPU failed: {text}", loading=loading)
    said = f"{type(error).__name__}: {text}"
    if loading:
        return Failed(0, "files", f"{model} cannot be loaded ({said})", _WHOLE, loading)
    return Failed(0, "fault", said)
