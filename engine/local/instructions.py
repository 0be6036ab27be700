"""Instructions for rerankers that take one, by name. Any other text is an instruction as it stands.

Written in English whatever the language of the corpus, as Qwen advises. The sentences of the named domains follow the
task list that E5 and Qwen were evaluated with on BEIR.
"""

from __future__ import annotations

from collections.abc import Mapping

INSTRUCTIONS: Mapping[str, str] = {
    "general": "Given a web search query, retrieve relevant passages that answer the query",
    "question": "Given a question, retrieve passages that answer the question",
    "code": "Given a question about programming, retrieve code or documentation that answers the question",
    "duplicates": "Given a question, retrieve detailed question descriptions that are duplicates of the given question",
    "scientific claims": "Given a scientific claim, retrieve documents that support or refute the claim",
    "finance": "Given a financial question, retrieve user replies that best answer the question",
    "nutrition": "Given a question, retrieve relevant documents that best answer the question",
    "covid": "Given a query on COVID-19, retrieve documents that answer the query",
    "counter-arguments": "Given a claim, find documents that refute the claim",
    "encyclopedia": "Given a query, retrieve relevant entity descriptions from an encyclopedia",
}

CORPORA: Mapping[str, str] = {
    "python-docs": "code",
    "cqadupstack": "duplicates",
    "quora": "duplicates",
    "scifact": "scientific claims",
    "climate-fever": "scientific claims",
    "fever": "scientific claims",
    "fiqa": "finance",
    "nfcorpus": "nutrition",
    "trec-covid": "covid",
    "arguana": "counter-arguments",
    "webis-touche2020": "question",
    "nq": "question",
    "hotpotqa": "question",
    "dbpedia-entity": "encyclopedia",
}
"""Which of them suits a corpus, by the name of its folder or index."""


def instruction_for(text: str, corpus: str = "", default: str = INSTRUCTIONS["general"]) -> str:
    """The instruction to send: a name's sentence, free text as it is, and where none is set the corpus's own, else the
    model's ``default``."""
    if wanted := text.strip():
        return INSTRUCTIONS.get(wanted.lower(), wanted)
    preset = next((name for part, name in CORPORA.items() if part in corpus.lower().split("/")), None)
    return INSTRUCTIONS[preset] if preset else default
