"""The prompts of language-model rerankers, as their authors publish them.

A prompt is five pieces that are tokenised apart and joined as ids, so that cutting a document can never cut what
follows it. ``before``, ``between`` and ``after`` are ours: special tokens in them are special tokens. ``query`` and
``document`` hold user text: whatever looks like a special token in it stays plain text.
"""

from __future__ import annotations

from dataclasses import dataclass

from engine.local.instructions import INSTRUCTIONS


@dataclass(frozen=True, slots=True)
class Prompt:
    """``query`` has ``{query}`` and, for models that take one, ``{instruction}``; ``bare`` takes its place where no
    instruction is given and the model has no default. ``max_tokens`` is what its authors ran it with, for all pieces.
    """

    before: str
    query: str
    document: str
    after: str
    between: str = ""
    bare: str = ""
    instruction: str = ""
    max_tokens: int = 8192


QWEN3 = Prompt(
    before="<|im_start|>system\nJudge whether the Document meets the requirements based on the Query and the Instruct "
    'provided. Note that the answer can only be "yes" or "no".<|im_end|>\n<|im_start|>user\n',
    query="<Instruct>: {instruction}\n<Query>: {query}\n<Document>:",
    # The space goes with the document: byte pairs join it to the first word, and a cut after it would change tokens.
    document=" {document}",
    after="<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n",
    instruction=INSTRUCTIONS["general"],
)

MXBAI = Prompt(
    before="<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
    "<|im_start|>user\n",
    query="instruction: {instruction}\nquery: {query}",
    bare="query: {query}",
    between="\n",
    document="document: {document}",
    after="\nYou are a search relevance expert who evaluates how well documents match search queries. For each "
    "query-document pair, carefully analyze the semantic relationship between them, then provide your binary relevance "
    "judgment (0 for not relevant, 1 for relevant).\nRelevance:<|im_end|>\n<|im_start|>assistant\n",
)

BGE_GEMMA = Prompt(
    before="<bos>",
    query="A: {query}",
    between="\n",
    document="B: {document}",
    after="\nGiven a query A and a passage B, determine whether the passage contains an answer to the query by "
    "providing a prediction of either 'Yes' or 'No'.",
    max_tokens=1024,
)

ZERANK = Prompt(
    before="<|im_start|>system\n",
    query="{query}",
    between="<|im_end|>\n<|im_start|>user\n",
    document="{document}",
    after="<|im_end|>\n<|im_start|>assistant\n",
)
