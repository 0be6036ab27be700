"""Services that answer ``data[]``: Voyage (docs.voyageai.com/reference/reranker-api), and by ``wire``

Mixedbread      documents = "input"
Pinecone        text = "text"
vLLM's /score   query = "text_1", documents = "text_2"
"""

from __future__ import annotations

from engine.rerankers.remote.dialects.shaped import Shape, Shaped

DATA_LIST = Shaped(Shape(results="data"))
