"""When a worker of local models counts as hung. Pure: the host counts the beats, the worker says how it stands.

The worker's reading thread answers however long its computing thread takes, so silence is a process that is stopped,
starved of memory or stuck in a call that never comes back; and what it answers tells a long pass from one that hangs.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from engine.local.messages import Alive, Answer

BEAT_S = 1.0
"""Between two looks at a worker for which somebody waits."""
SILENT = 15
"""Beats without any answer after which it hangs; below the usual rerank budget, so that the query itself hears of it.
Beats are counted, not seconds: a machine that slept or a console that was suspended has counted none."""
LOADING = 120
"""The same while a model loads: libraries that are read from a slow disk let no other thread run."""
RESTING_S = 120.0
"""Of one step of a model (a layer, or a pass of few) with the processor at rest: longer than any device computes."""
STEP_S = 600.0
"""Of one step whatever the processor does: a wait for a device can look like work."""
_AT_REST = 0.05
"""Share of one core."""


@dataclass(slots=True)
class Liveness:
    """What was heard of one worker. ``asked``: a question is out that it has not answered."""

    asked: bool = False
    _silent: int = 0
    _alive: Alive = field(default_factory=Alive)

    def heard(self, answer: Answer) -> None:
        """Any answer is a sign of life."""
        self._silent = 0
        if isinstance(answer, Alive):
            self.asked, self._alive = False, answer

    def beat(self, loading: bool) -> str:
        """Count one beat of a worker that is asked for something. Why it hangs, '' where it does not."""
        self._silent += self.asked
        if self._silent >= (LOADING if loading else SILENT):
            return f"it hung (no answer for {self._silent * BEAT_S:.0f} s) and was killed"
        step_s, cpu_s = self._alive.step_s, self._alive.cpu_s
        if step_s >= STEP_S or (step_s >= RESTING_S and cpu_s < _AT_REST * step_s):
            return f"it hung (one step of a model took {step_s:.0f} s, {cpu_s:.0f} s of them computing) and was killed"
        return ""
