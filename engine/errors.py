"""Every error that Rankscope raises on purpose.

    RankscopeError
    ├── UsageError              a command or an argument that makes no sense
    ├── SettingsError           a settings file, variable or ``--set`` that cannot be used
    │   └── SettingsConflictError  the file changed on disk since it was read
    ├── SourceError             a corpus, query set or judgments file that cannot be read
    │   └── RecordingError      a recording that cannot be opened, or does not hold what is asked of it
    ├── MissingExtraError       an optional dependency that is not installed
    ├── StoreError              the index, or the engine that holds it
    │   ├── IndexNotFoundError  nothing there
    │   ├── IndexDamagedError   there, but not a Rankscope index of this format, or incomplete
    │   ├── IndexLockedError    another process writes to it
    │   ├── IndexMismatchError  built with another embedder, template or analyser than asked for
    │   └── EngineError         a search engine over HTTP that could not be asked, or refused
    ├── EmbedderError           a text that could not be turned into a vector
    ├── RerankerError           a reranker that could not score
    │   ├── RemoteError         a service that could not be asked, or refused (an EmbedderError as well)
    │   └── ModelError          a local model that cannot be found, fetched or loaded (an EmbedderError as well)
    └── ExpectationError        an expectation or a gate that was not met

Each carries one sentence for the user (``message``: what, and where), one way out (``hint``), and the pipeline's
``stage`` where it arose. The exit code of each class is in ``console.exit_codes``.
"""

from __future__ import annotations


class RankscopeError(Exception):
    """Base of the tree. ``str(error)`` is the message; the hint is shown on a line of its own."""

    def __init__(self, message: str, *, hint: str = "", stage: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.stage = stage

    @property
    def reason(self) -> str:
        """One word for programs, as an outcome has it: ``store``, ``reranker``."""
        return type(self).__name__.removesuffix("Error").lower()


class UsageError(RankscopeError):
    """A command or an argument that makes no sense."""


class SettingsError(RankscopeError):
    """A settings value that cannot be used; ``path`` is its dotted name (``rerank.top_n``), or empty."""

    def __init__(self, message: str, *, path: str = "", hint: str = "", stage: str = "") -> None:
        super().__init__(message, hint=hint, stage=stage)
        self.path = path


class SettingsConflictError(SettingsError):
    """The settings file changed on disk since it was read: reload it, or overwrite."""


class SourceError(RankscopeError):
    """A corpus, query set or judgments file that cannot be read."""


class RecordingError(SourceError):
    """A recording that cannot be opened, or does not hold what is asked of it."""


class MissingExtraError(RankscopeError):
    """An optional dependency that is not installed; the hint is the line that installs it."""


class StoreError(RankscopeError):
    """The index, or the engine that holds it, cannot answer."""


class IndexNotFoundError(StoreError):
    """There is no index at the place that was named."""


class IndexDamagedError(StoreError):
    """The folder is not a Rankscope index of this format, or part of it is missing."""


class IndexLockedError(StoreError):
    """Another process writes to the index."""


class IndexMismatchError(StoreError):
    """The index was built with another embedder, text template or analyser; the hint is the rebuild command."""


class EngineError(StoreError):
    """A search engine over HTTP that could not be asked, or refused.

    ``kind`` is the slug of ``engine.stores.elastic.faults``: ``connect``, ``tls``, ``timeout``, ``unauthorized``,
    ``forbidden``, ``licence``, ``index``, ``field``, ``dimension``, ``overloaded``, ``shards``, ``refused``, …;
    ``status`` is HTTP's, 0 where there was no answer.
    """

    def __init__(self, message: str, *, kind: str, status: int = 0, hint: str = "", stage: str = "") -> None:
        super().__init__(message, hint=hint, stage=stage)
        self.kind = kind
        self.status = status

    @property
    def reason(self) -> str:
        return self.kind


class EmbedderError(RankscopeError):
    """A text could not be turned into a vector."""


class RerankerError(RankscopeError):
    """A reranker could not score."""


class RemoteError(RerankerError, EmbedderError):
    """A service over HTTP that could not be asked, or refused.

    ``kind`` says how: ``offline``, ``dns``, ``connect``, ``tls``, ``timeout``, ``reset``, ``body``, ``redirect``,
    ``refused`` (a status from 400), ``overloaded`` (408, 425, 429 or 5xx to the last attempt), ``limited`` (our own
    limits leave no turn in time). ``status`` is the last one seen, 0 for none; ``retry_after_s`` what the service asks
    to wait, where it asks.
    """

    def __init__(
        self,
        message: str,
        *,
        provider: str,
        kind: str,
        status: int = 0,
        attempts: int = 1,
        retry_after_s: float | None = None,
        hint: str = "",
        stage: str = "",
    ) -> None:
        super().__init__(message, hint=hint, stage=stage)
        self.provider = provider
        self.kind = kind
        self.status = status
        self.attempts = attempts
        self.retry_after_s = retry_after_s

    @property
    def reason(self) -> str:
        return self.kind


class ModelError(RerankerError, EmbedderError):
    """A local model that cannot be found, fetched or loaded.

    ``kind`` says why: ``unknown`` (no such model or revision), ``gated``, ``offline``, ``network``, ``disk``,
    ``files`` (missing or not usable), ``memory``, ``device``.
    """

    def __init__(self, message: str, *, kind: str, hint: str = "", stage: str = "") -> None:
        super().__init__(message, hint=hint, stage=stage)
        self.kind = kind

    @property
    def reason(self) -> str:
        return self.kind


class ExpectationError(RankscopeError):
    """An expectation of a script, or a gate, was not met."""
