"""Alibaba's DashScope in its own form: ``input`` and ``parameters`` in, ``output.results[]`` out.

Source: help.aliyun.com, text-rerank API. An instruction goes into ``parameters.instruct``.
"""

from __future__ import annotations

from engine.rerankers.remote.dialects.shaped import Shape, Shaped

DASHSCOPE = Shaped(Shape(query="input.query", documents="input.documents", results="output.results"))
