"""Everything that the console can do, in one table: bindings, palette, ``?`` list, help and scripts are made from it.

An action's name is what scripts and key maps call it. What it does is in ``console.screens.deeds``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from console.session import Session


@dataclass(frozen=True, slots=True)
class Context:
    """What decides whether an action applies now.

    session   None until the index is open
    busy      a search is under way
    document  id under the cursor, '' for none
    newer     the index on disk has a newer generation
    """

    session: Session | None = None
    busy: bool = False
    document: str = ""
    newer: bool = False


When = Callable[[Context], str]
"""Why an action does not apply now, '' where it does."""


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that can be done.

    name       for scripts and key maps
    keys       Textual's names of the keys, the first is the one shown
    group      heading in lists of actions
    title      a verb first, as the palette shows it
    help       one sentence more
    arguments  what has to follow the name in a script, '' for nothing
    modal      its keys count only while judging is on; else they are another action's
    """

    name: str
    keys: tuple[str, ...]
    group: str
    title: str
    help: str
    arguments: str = ""
    when: When = lambda context: ""
    modal: bool = False

    @property
    def label(self) -> str:
        """Group and title: ``Document: pin``."""
        return f"{self.group}: {self.title}"


def _open(context: Context) -> str:
    return "" if context.session else "the index is still being opened"


def _answered(context: Context) -> str:
    if context.session is None:
        return _open(context)
    return "" if context.session.trace is not None else "there is no query yet"


def _document(context: Context) -> str:
    return _answered(context) or ("" if context.document else "the cursor is on no document")


def _scored(context: Context) -> str:
    session = context.session
    if reason := _document(context):
        return reason
    trace = session.trace if session else None
    if trace is None or context.document not in trace.pool.ids:
        return "the document is not in the pool"
    score = trace.ranking.rerank_score[trace.pool.ids.index(context.document)]
    return "" if score == score else "the document has no rerank score"


def _running(context: Context) -> str:
    return "" if context.busy else "nothing is running"


def _can_undo(context: Context) -> str:
    return _open(context) or ("" if context.session and context.session.can_undo else "there is no change to undo")


def _can_redo(context: Context) -> str:
    return _open(context) or ("" if context.session and context.session.can_redo else "nothing was undone")


def _dirty(context: Context) -> str:
    return _open(context) or ("" if context.session and context.session.dirty else "nothing differs from the file")


def _unscored(context: Context) -> str:
    session = context.session
    if session is None or session.search is None or session.trace is None:
        return _answered(context) or "there is no query yet"
    if not session.settings.rerank.enabled:
        return "the reranker is off"
    return "" if session.search.missing(session.settings) else "every document of the first N has a score"


def _cascade(context: Context) -> str:
    session = context.session
    return _open(context) or ("" if session and session.settings.rerank.cascade else "there is one stage alone")


def _loaded(context: Context) -> str:
    host = context.session.pipeline.resources.local if context.session else None
    return _open(context) or ("" if host is not None and host.state.pid else "no local model is loaded")


def _pinned(context: Context) -> str:
    return _open(context) or ("" if context.session and context.session.pinned else "no document is pinned")


def _newer(context: Context) -> str:
    session = context.session
    if session is None or context.newer or session.pipeline.store.info.kind != "embedded":
        return ""
    return "the index has no newer generation"


def _profiles(context: Context) -> str:
    session = context.session
    if session is not None and not session.pipeline.store.info.profiles:
        return "the index has no phases of its own: no engine to ask"
    return _open(context)


def _judgeable(context: Context) -> str:
    session = context.session
    return _open(context) or ("" if session is None or session.judgments is not None else session.no_judgments)


def _gradable(context: Context) -> str:
    return _judgeable(context) or _document(context)


def _ragflow(context: Context) -> str:
    session = context.session
    if session is not None and session.pipeline.store.info.kind != "ragflow":
        return "the index is not RAGFlow's"
    return _answered(context)


def _native(context: Context) -> str:
    session = context.session
    if session is not None and session.pipeline.store.info.kind not in ("elasticsearch", "opensearch"):
        return "only Elasticsearch and OpenSearch fuse on their own"
    return _answered(context)


def _explained(context: Context) -> str:
    session = context.session
    if session is not None and session.pipeline.store.info.kind not in ("elasticsearch", "opensearch"):
        return "the document pane has all of it: no engine to ask"
    return _document(context)


def _filterable(context: Context) -> str:
    session = context.session
    if session is not None and not (session.pipeline.store.info.keyword_fields or session.settings.filter):
        return "no field of the index has values to choose from"
    return _answered(context)


def _tunable(context: Context) -> str:
    if reason := _judgeable(context):
        return reason
    judged = context.session is not None and context.session.judgments
    return "" if judged else "no query is judged yet: J judges this one, or start with --data DIR"


ACTIONS: tuple[Action, ...] = (
    Action("query", ("slash",), "Search", "type a query", "Puts the cursor on the query line."),
    Action("search", (), "Search", "ask", "Asks a query; a new one cancels the one before.", "TEXT", _open),
    Action("again", ("f5",), "Search", "ask again", "Asks the same query afresh.", when=_answered),
    Action("cancel", (), "Search", "stop", "Stops what is running; what is here stays.", when=_running),
    Action("back", ("escape",), "Search", "go back", "Stops what is running, else leaves the pane or the query line."),
    Action("score", ("n",), "Search", "score newcomers", "Sends the unscored of the first N now.", when=_unscored),
    Action("filter", ("f",), "Search", "filter by value", "How many have which value; choose some.", when=_filterable),
    Action("reload", ("f8",), "Search", "reload the index", "Goes on with what it holds now.", when=_newer),
    Action("fused", ("1",), "Lists", "go to Fused", "The list before reranking."),
    Action("reranked", ("2",), "Lists", "go to Reranked", "The list after reranking."),
    Action("weights", ("3",), "Lists", "go to Weights", "The knobs; once more closes them where room is short."),
    Action("document", ("4", "enter", "space"), "Lists", "go to Document", "Why the document stands where it stands."),
    Action("maximise", ("m",), "Lists", "maximise the pane", "One pane alone; once more brings the others back."),
    Action("legs", ("w",), "Lists", "show each leg's list", "Lexical and dense beside fused and reranked, or not."),
    Action("timings", ("t",), "Lists", "show every timing", "The waterfall with a line per stage, or one line."),
    Action("profile", (), "Lists", "time the engine's phases", "On or off.", "[on|off]", _profiles),
    Action("status", (), "Lists", "say what ran", "Every stage with its outcome."),
    Action("ragflow", ("F",), "Lists", "see RAGFlow's own way", "Five rankings, and what it loses.", when=_ragflow),
    Action("native", ("N",), "Lists", "see the engine's own fusion", "Its forms beside ours.", when=_native),
    Action("set", (), "Weights", "set a knob", "Any setting by its dotted name.", "NAME VALUE", _open),
    Action("rerank", ("r",), "Weights", "switch the reranker", "On or off; its scores are kept.", "[on|off]", _open),
    Action("rerankers", ("R",), "Weights", "choose a reranker", "What can be used; several are compared.", when=_open),
    Action("reranker", (), "Weights", "use a reranker", "By name, live: PROVIDER or PROVIDER/MODEL.", "NAME", _open),
    Action("panel", (), "Weights", "compare rerankers", "Two to four by name.", "NAME NAME [NAME] [NAME]", _answered),
    Action("stage", (), "Weights", "add a rerank stage", "Over the best of the one before.", "NAME", _open),
    Action("unstage", (), "Weights", "take the last rerank stage away", "Its scores are kept.", when=_cascade),
    Action("unload", ("Z",), "Weights", "unload local models", "Ends their worker; it frees its memory.", when=_loaded),
    Action("presets", ("P",), "Weights", "choose a preset", "Weights and fusion of other engines.", when=_open),
    Action("preset", (), "Weights", "apply a preset", "Puts a preset's values in place.", "NAME", _open),
    Action("landscape", ("l",), "Weights", "show landscapes", "Of this query, of the set, or none.", when=_answered),
    Action("revert", ("U",), "Weights", "go back to the file", "All knobs as they are saved, as one try.", when=_dirty),
    Action("undo", ("u", "ctrl+z"), "Tries", "undo", "Back to the try before.", when=_can_undo),
    Action("redo", ("ctrl+y", "ctrl+r"), "Tries", "redo", "Forward to the try that was undone.", when=_can_redo),
    Action("compare", ("c",), "Tries", "compare two", "Both lists, and what moves between them.", "[A] [B]", _answered),
    Action("save", ("s", "ctrl+s"), "Tries", "save the settings", "Shows the difference first.", "[FILE]", _open),
    Action("export", ("E",), "Tries", "export …", "The settings as an engine's own request.", "[TARGET]", _open),
    Action("pin", ("p",), "Document", "pin", "Follows it through every stage, or no longer.", "[ID]", _document),
    Action("unpin", (), "Document", "unpin", "Follows none.", when=_pinned),
    Action("why", ("x",), "Document", "why it stands there", "And what would turn it round.", "[ID]", _document),
    Action("account", ("X",), "Document", "see the engine's account", "Of its lexical score.", "[ID]", _explained),
    Action("attribute", ("a",), "Document", "see what carried it", "Scores it without each sentence.", when=_scored),
    Action("copy", ("y",), "Document", "copy …", "The document, the lists, or the command.", when=_answered),
    Action("copy-document", (), "Document", "copy it as JSON", "Its account and fields.", when=_document),
    Action("copy-view", (), "Document", "copy the lists as Markdown", "Both lists as a table.", when=_answered),
    Action("copy-command", (), "Document", "copy the command", "The search as a shell command.", when=_answered),
    Action("judging", ("J",), "Judging", "judge", "Keys grade the document under the cursor.", when=_judgeable),
    Action("grade-no", ("0",), "Judging", "grade 0, no", "It does not help.", when=_gradable, modal=True),
    Action("grade-related", ("1",), "Judging", "grade 1, related", "It is about it.", when=_gradable, modal=True),
    Action("grade-good", ("2",), "Judging", "grade 2, good", "It helps.", when=_gradable, modal=True),
    Action("grade-answer", ("3",), "Judging", "grade 3, the answer", "It is it.", when=_gradable, modal=True),
    Action("ungrade", ("full_stop",), "Judging", "remove the grade", "It is unjudged.", when=_gradable, modal=True),
    Action("judge", (), "Judging", "grade a document", "0 to 3, or - for none.", "ID GRADE", _judgeable),
    Action("queries", ("Q",), "Judging", "see the query set", "Every judged query, what changed.", when=_judgeable),
    Action("metric", ("M",), "Judging", "measure by", "The next metric, or the one named.", "[NAME]", _judgeable),
    Action("tune", ("o",), "Judging", "tune", "Searches weights over all judged queries.", when=_tunable),
    Action("connect", ("C",), "Application", "connect to an engine", "Proposes how to search its index.", "[URL]"),
    Action("palette", ("ctrl+p",), "Application", "find an action", "Every action by name."),
    Action("actions", ("question_mark",), "Application", "list all actions", "Every action with its keys; runs them."),
    Action("help", ("f1",), "Application", "explain this pane", "What is shown, and which keys apply."),
    Action("theme", ("T",), "Application", "change the theme", "The next theme, or the one named.", "[NAME]"),
    Action("screenshot", ("f12",), "Application", "write a screenshot", "The screen as an SVG file.", "[FILE]"),
    Action("quit", ("ctrl+q",), "Application", "quit", "Leaves; unsaved settings are asked about."),
)

BY_NAME: dict[str, Action] = {action.name: action for action in ACTIONS}
