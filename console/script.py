"""Scripts of ``rankscope run``: the console's own actions, one a line, with expectations between them.

    search "wait without blocking"      # words may stand without quotes
    set weights.dense 0.7
    expect rank time.sleep <= 3

A script is parsed and checked whole before its first line runs. What a line does is up to the *stage* that it runs on:
a session without a screen (``console.headless``) or the real application (``console.screened``).
"""

from __future__ import annotations

import difflib
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from console.actions import ACTIONS, Action
from console.expectations import Expectation, Verdict, expectation
from engine.errors import ExpectationError, RankscopeError, UsageError
from engine.secrets import shown_setting
from engine.settings import knobs
from engine.trace import Trace


@dataclass(frozen=True, slots=True)
class Verb:
    """One word of the language. ``words`` are the least and the most that may follow it, None for any number."""

    usage: str
    help: str
    words: tuple[int, int | None]

    @classmethod
    def of(cls, action: Action) -> Verb:
        """The console's action as a line: ``NAME`` has to follow, ``[NAME]`` may, TEXT and VALUE are any words."""
        arguments = action.arguments.split()
        least = sum(not argument.startswith("[") for argument in arguments)
        endless = bool({"TEXT", "VALUE"} & set(arguments))
        return cls(
            f"{action.name} {action.arguments}".strip(), action.help, (least, None if endless else len(arguments))
        )


OWN: Mapping[str, Verb] = {
    "expect": Verb("expect SUBJECT …", "Holds the latest search against an expectation.", (1, None)),
    "press": Verb("press KEY…", "Presses keys, named as in the key map: down, ctrl+r, slash.", (1, None)),
    "type": Verb("type TEXT…", "Types a text into what has the focus.", (1, None)),
}
VERBS: Mapping[str, Verb] = {**OWN, **{action.name: Verb.of(action) for action in ACTIONS}}
HEADLESS = frozenset(
    (
        "expect",
        "search",
        "again",
        "score",
        "set",
        "rerank",
        "reranker",
        "stage",
        "unstage",
        "preset",
        "revert",
        "undo",
        "redo",
        "save",
        "pin",
        "unpin",
    )
) | {"judge", "metric"}
"""What needs no screen."""


@dataclass(frozen=True, slots=True)
class Line:
    """A line with something on it. ``where`` is ``file:line``; ``expectation`` is set for the verb ``expect``."""

    where: str
    verb: str
    words: tuple[str, ...]
    expectation: Expectation | None = None

    @property
    def text(self) -> str:
        """The line as it may be shown: no key in it, and no password of an address."""
        return _shown(self.verb, self.words)

    @property
    def expected(self) -> str:
        """What an expectation states, without the verb."""
        return " ".join(self.words)


@dataclass(frozen=True, slots=True)
class Step:
    """A line that ran: an expectation has a ``verdict``; ``error`` is why a line could not be done."""

    line: Line
    verdict: Verdict | None = None
    error: RankscopeError | None = None

    @property
    def ok(self) -> bool:
        return self.error is None and (self.verdict is None or self.verdict.met)


class Stage(Protocol):
    """What a script plays on."""

    @property
    def trace(self) -> Trace | None:
        """The latest search, settled."""
        ...

    @property
    def grades(self) -> Mapping[str, int]:
        """The grades of its query, by document id."""
        ...

    async def act(self, verb: str, words: Sequence[str]) -> None:
        """Do what a line says, and wait until nothing more is to come. Raises ``RankscopeError``."""
        ...


def parse(text: str, file: str, *, screen: bool = False) -> tuple[Line, ...]:
    """The lines of a script, checked. Raises ``UsageError`` with ``file:line`` for the first that makes no sense, and
    for one that needs the screen where there is none."""
    lines = []
    for number, raw in enumerate(text.splitlines(), start=1):
        where = f"{file}:{number}"
        try:
            if words := split(raw):
                lines.append(_line(where, words[0], tuple(words[1:]), screen))
        except UsageError as error:
            raise UsageError(f"{where}: {error.message}", hint=error.hint) from None
    return tuple(lines)


def _line(where: str, name: str, words: tuple[str, ...], screen: bool) -> Line:
    verb = VERBS.get(name)
    if verb is None:
        near = difflib.get_close_matches(name, VERBS, n=1)
        hint = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(VERBS)}"
        raise UsageError(f"`{name}` is no action", hint=hint)
    least, most = verb.words
    if len(words) < least or (most is not None and len(words) > most):
        raise UsageError(f"`{_shown(name, words)}` is not of the form `{verb.usage}`")
    if not screen and name not in HEADLESS:
        raise UsageError(f"`{name}` needs the screen", hint="run the script with --ui")
    return Line(where, name, words, expectation(words) if name == "expect" else None)


def _shown(verb: str, words: Sequence[str]) -> str:
    if verb == "set" and len(words) > 1:
        return f"set {words[0]} {knobs.shown_text(words[0], ' '.join(words[1:]))}"
    return shown_setting(" ".join((verb, *words)), secret=False)


def split(line: str) -> list[str]:
    """The words of a line as a shell would see them: quotes hold words together, ``\\`` takes the next character as it
    is (in double quotes only before ``"`` and ``\\``), ``#`` at the start of a word begins a comment (within a word, as
    in ``guide.md#install``, it is a character). Raises ``UsageError`` for a quote that is not closed."""
    words: list[str] = []
    word: list[str] | None = None
    quote = ""
    characters = iter(line)
    for c in characters:
        if not quote and c.isspace():
            words += [] if word is None else ["".join(word)]
            word = None
            continue
        if not quote and c == "#" and word is None:
            break
        word = [] if word is None else word
        if c == quote:
            quote = ""
        elif not quote and c in "\"'":
            quote = c
        elif c == "\\" and quote != "'":
            following = next(characters, "")
            literal = following in ('"', "\\") if quote else following != ""
            word.append(following if literal else c + following)
        else:
            word.append(c)
    if quote:
        raise UsageError(f"the quote {quote} is not closed", hint='put an apostrophe in quotes: search "what\'s new"')
    return words if word is None else [*words, "".join(word)]


async def play(lines: Sequence[Line], stage: Stage, *, keep_going: bool = False) -> AsyncIterator[Step]:
    """Run the lines one after another; what came of each, as it comes. Stops behind the first that fails, unless
    ``keep_going``."""
    for line in lines:
        step = await _play_line(line, stage)
        yield step
        if not step.ok and not keep_going:
            break


async def _play_line(line: Line, stage: Stage) -> Step:
    if line.expectation is None:
        try:
            await stage.act(line.verb, line.words)
        except RankscopeError as error:
            return Step(line, error=error)
        except OSError as error:
            return Step(line, error=UsageError(f"{error.filename}: {error.strerror}"))
        return Step(line)
    if stage.trace is None:
        return Step(line, error=UsageError("nothing was searched yet", hint="begin with `search TEXT`"))
    return Step(line, verdict=line.expectation.check(stage.trace, stage.grades))


def failure(steps: Sequence[Step]) -> RankscopeError | None:
    """The error that a script's steps amount to: the first line that could not be done, else an ``ExpectationError``
    where an expectation was not met, else None."""
    for step in steps:
        if step.error is not None:
            step.error.message = f"{step.line.where}: {step.error.message}"
            return step.error
    unmet = sum(not step.ok for step in steps)
    met = sum(step.verdict is not None and step.ok for step in steps)
    if not unmet:
        return None
    return ExpectationError(f"{unmet} of {unmet + met} expectations not met")


def summary(steps: Sequence[Step], lines: Sequence[Line]) -> dict[str, Any]:
    """The report of a script, for ``-o json``."""
    return {
        "ok": all(step.ok for step in steps),
        "lines": len(lines),
        "ran": len(steps),
        "expectations": sum(step.verdict is not None for step in steps),
        "failed": sum(not step.ok for step in steps),
        "steps": [
            {
                "where": step.line.where,
                "line": step.line.text,
                "ok": step.ok,
                "actual": step.verdict.actual if step.verdict else None,
                "error": step.error.message if step.error else None,
            }
            for step in steps
        ],
    }
