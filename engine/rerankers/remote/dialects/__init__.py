"""What rerank services speak: a provider's row names one of these, and a new one is a file and a row here."""

from __future__ import annotations

from engine.rerankers.remote.dialects.base import Dialect
from engine.rerankers.remote.dialects.bedrock import BEDROCK
from engine.rerankers.remote.dialects.cohere import COHERE
from engine.rerankers.remote.dialects.cosine import COSINE
from engine.rerankers.remote.dialects.dashscope import DASHSCOPE
from engine.rerankers.remote.dialects.data_list import DATA_LIST
from engine.rerankers.remote.dialects.elasticsearch import ELASTICSEARCH
from engine.rerankers.remote.dialects.judge import JUDGE
from engine.rerankers.remote.dialects.nvidia import NVIDIA
from engine.rerankers.remote.dialects.score_array import SCORE_ARRAY
from engine.rerankers.remote.dialects.tei import TEI
from engine.rerankers.remote.dialects.vertex import VERTEX

DIALECTS: dict[str, Dialect] = {
    "cohere": COHERE,
    "tei": TEI,
    "nvidia": NVIDIA,
    "dashscope": DASHSCOPE,
    "data": DATA_LIST,
    "elasticsearch": ELASTICSEARCH,
    "scores": SCORE_ARRAY,
    "bedrock": BEDROCK,
    "vertex": VERTEX,
    "cosine": COSINE,
    "judge": JUDGE,
}
