"""What a command says before its one query goes to a service off this machine: once, to stderr."""

from __future__ import annotations

from console.agreements import Agreements
from console.locations import locations
from console.output import note
from engine.errors import SettingsError
from engine.logs import logger
from engine.remote.offline import Departure

log = logger(__name__)


def noted(departure: Departure) -> bool:
    """Always True: whoever starts a search by a command has settings that name the service. What that gets is said the
    first time."""
    try:
        told = Agreements(locations().agreements_file).told_before(departure)
    except SettingsError as error:
        log.warning("%s", error.message)
        told = False
    if not told:
        note(f"note: {departure.text} (said once; --offline forbids it)")
    return True
