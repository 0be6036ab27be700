"""An inference endpoint of Elasticsearch: ``input`` in, ``rerank[]`` out, index and score perhaps as text.

Source: elastic.co/docs/api, "Perform reranking inference". The address names the endpoint; what its scores are depends
on the service behind it.
"""

from __future__ import annotations

from engine.rerankers.remote.dialects.shaped import Shape, Shaped

ELASTICSEARCH = Shaped(Shape(model="", documents="input", results="rerank"))
