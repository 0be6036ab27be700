"""What the user has agreed to send to services off this machine: asked once per provider, kept in the data folder.

What may leave is decided without waiting: what was not agreed to is held back, the stage is skipped with that reason,
and the question is ``pending`` until somebody answers it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.errors import SettingsError
from engine.files import write_atomically
from engine.logs import logger
from engine.remote.offline import Departure

log = logger(__name__)


class Agreement(msgspec.Struct, frozen=True):
    """A provider on a host may be sent these fields of documents (none: queries alone). ``asked`` is off where it was
    only said, and nobody was there to ask."""

    provider: str
    host: str
    fields: tuple[str, ...] = ()
    asked: bool = True

    def covers(self, departure: Departure) -> bool:
        same = (self.provider, self.host) == (departure.provider, departure.host)
        return same and set(departure.fields) <= set(self.fields)


class Agreements:
    """``file`` None keeps them for this run alone. ``pending`` is what was held back and is to be asked about."""

    def __init__(self, file: Path | None = None) -> None:
        self.pending: list[Departure] = []
        self._file = file
        self._made: list[Agreement] = self._read()
        self._refused: list[Agreement] = []

    def may_leave(self, departure: Departure) -> bool:
        """Whether it was agreed to; else it is held back, and pending unless it was refused before."""
        if self._covered(departure, asked=True):
            return True
        if not any(each.covers(departure) for each in self._refused) and not self._is_pending(departure):
            self.pending.append(departure)
        return False

    def told_before(self, departure: Departure) -> bool:
        """Whether somebody was told of it before, asked or not; from now on it was."""
        if self._covered(departure):
            return True
        self._keep(Agreement(departure.provider, departure.host, departure.fields, asked=False))
        return False

    def answer(self, *, agreed: bool) -> None:
        """Settle what is pending: for good, or, refused, until ``ask_again``. Raises ``SettingsError`` where the answer
        cannot be kept."""
        pending, self.pending = self.pending, []
        made = [Agreement(each.provider, each.host, each.fields) for each in pending]
        if agreed:
            self._keep(*made)
        else:
            self._refused += made

    def ask_again(self) -> None:
        """Forget what was refused: it is asked about with the next use."""
        self._refused.clear()

    def _covered(self, departure: Departure, *, asked: bool = False) -> bool:
        return any(each.covers(departure) and (each.asked or not asked) for each in self._made)

    def _is_pending(self, departure: Departure) -> bool:
        return any(Agreement(one.provider, one.host, one.fields).covers(departure) for one in self.pending)

    def _keep(self, *made: Agreement) -> None:
        self._made += made
        if self._file is None:
            return
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(self._file, msgspec.json.format(msgspec.json.encode(self._made)).decode() + "\n")
        except OSError as error:
            raise SettingsError(f"cannot keep the answer in {self._file}: {error.strerror}") from error

    def _read(self) -> list[Agreement]:
        try:
            return [] if self._file is None else msgspec.json.decode(self._file.read_bytes(), type=list[Agreement])
        except FileNotFoundError:
            return []
        except (OSError, msgspec.MsgspecError) as error:
            log.warning("%s cannot be read, so that services are asked about again: %s", self._file, error)
            return []
