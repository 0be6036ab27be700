"""HuggingFace's text-embeddings-inference: ``texts`` in, a bare list of ``{index, score}`` out, no model, no ``top_n``.

Whether a text that is too long is cut or refused has changed between its releases, so that its row asks for cutting.
Others by ``wire``: HF's hf-inference wraps both in ``inputs``; Gitee's multimodal endpoint takes ``documents`` of
``{text}`` with a model, and counts from 1.
Source: huggingface.github.io/text-embeddings-inference, and its router.
"""

from __future__ import annotations

from engine.rerankers.remote.dialects.shaped import Shape, Shaped

TEI = Shaped(Shape(model="", documents="texts"))
