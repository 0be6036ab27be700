"""The form that most services speak: ``documents`` in, ``results[].{index, relevance_score}`` out.

Jina, Cohere (docs.cohere.com/reference/rerank) and everything that copies them: SiliconFlow, Novita, Together, Qianfan,
vLLM, llama.cpp, Infinity, Xinference, LocalAI, GPUStack, ZeroEntropy, OpenRouter, Azure, Bedrock's InvokeModel, …
The number of documents is never limited, and so never sent: every one of them takes a missing ``top_n`` for all.
The answer's list is found wherever it stands: SGLang takes this request and answers as TEI does.
"""

from __future__ import annotations

from engine.rerankers.remote.dialects.shaped import Shape, Shaped

COHERE = Shaped(Shape())
