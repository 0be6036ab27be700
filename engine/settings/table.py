"""The table of every settings key: what it means, its range or choices, and how a slider moves it.

One row per key, named by pattern: ``*`` stands for any name, ``<lexical>`` for a leg of that kind. The range check at
loading, the console's sliders, the JSON schema, the template of ``config init`` and the notes of ``config show`` are
all made from these rows.
"""

from __future__ import annotations

from dataclasses import dataclass

NORMALIZERS = (
    "theoretical-min-max",
    "min-max",
    "z-score",
    "max",
    "rank",
    "atan",
    "identity",
    "opensearch-min-max",
    "elasticsearch-min-max",
    "infinity-atan",
)
COMBINERS = ("convex", "rrf", "comb-sum", "comb-mnz", "borda", "ragflow")
BLENDS = ("auto", "replace", "weighted", "rank-fusion", "ragflow")
DTYPES = ("auto", "fp32", "bf16", "fp16", "int8")
BACKENDS = ("auto", "padded", "packed", "causal")

SCORE_KINDS = ("probability", "logit", "cosine", "dot", "bm25", "sparse", "judge", "fused", "unknown")
DIALECTS = (
    "cohere", "tei", "nvidia", "dashscope", "data", "elasticsearch", "scores", "bedrock", "vertex", "cosine", "judge",
)  # fmt: skip
PRICE_UNITS = ("tokens", "searches", "requests")
LEG_KINDS = ("lexical", "dense", "sparse", "graph")
RAGFLOW_VERSIONS = ("2026-07", "2026-05", "2026-04")
SEARCH_TYPES = ("auto", "query_then_fetch", "dfs_query_then_fetch")

MAX_TOP = 2048
MAX_MS = 600_000


@dataclass(frozen=True, slots=True)
class Knob:
    """One settings key.

    help                one sentence
    label               short name on a slider; empty: the last part of the path
    minimum, maximum    the range, both ends included; None: open
    step, slider        a slider's step and its upper end (0: the maximum)
    choices             the values there are, for keys with a fixed set
    unit                of a number, as shown
    live                can be changed without asking the engine again
    needs               which of ``StoreInfo.live_knobs`` the store must have for that; '' for none
    log                 the slider moves by factors
    secret              never shown unless it is a reference such as ``env:NAME``
    file                a path, relative to the settings file
    """

    help: str
    label: str = ""
    minimum: float | None = None
    maximum: float | None = None
    step: float = 0
    slider: float = 0
    choices: tuple[str, ...] = ()
    unit: str = ""
    live: bool = False
    needs: str = ""
    log: bool = False
    secret: bool = False
    file: bool = False

    @property
    def range_text(self) -> str:
        """The range or the choices in words: ``1 to 2048``, ``at least 0``, ``one of convex, rrf``; '' for neither."""
        if self.choices:
            return f"one of {', '.join(filter(None, self.choices))}"
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum:g} to {self.maximum:.7g}"
        return f"at least {self.minimum:g}" if self.minimum is not None else ""


_LEG_KIND = Knob("What the leg does; default: its name.", choices=LEG_KINDS)
_LEG_TOP_K = Knob("Candidates that the leg returns.", "top k", 1, MAX_TOP, 1, unit="documents", log=True)
_RANK_CONSTANT = Knob(
    "k of reciprocal rank fusion; higher flattens the ranks.", "rank k", 1, 1000, 1, live=True, log=True
)


def _budget(what: str) -> Knob:
    return Knob(f"Longest time for {what}.", minimum=1, maximum=MAX_MS, step=100, unit="ms", log=True)


def _row(help_: str, maximum: float | None = None, unit: str = "") -> Knob:
    return Knob(help_, minimum=0, maximum=maximum, unit=unit)


def _limit(help_: str, maximum: float | None = None, unit: str = "") -> Knob:
    return Knob(f"{help_[:-1]}; 0: no limit, -1: as usual.", minimum=-1, maximum=maximum, unit=unit)


KNOBS: dict[str, Knob] = {
    "store.kind": Knob("The search engine: embedded is Rankscope's own index in a folder."),
    "store.path": Knob("Folder of the embedded index, relative to this file.", file=True),
    "store.url": Knob("Address of the engine, such as https://localhost:9200; several apart by commas."),
    "store.index": Knob("The index, alias or data stream that is searched."),
    "store.username": Knob("User name for the engine."),
    "store.password": Knob("env:NAME, file:PATH or keyring:NAME of the user's password.", secret=True),
    "store.api_key": Knob("env:NAME, file:PATH or keyring:NAME of an API key.", secret=True),
    "store.bearer": Knob("env:NAME, file:PATH or keyring:NAME of a bearer token.", secret=True),
    "store.cloud_id": Knob("Elastic Cloud's name of the deployment, instead of store.url."),
    "store.ca_file": Knob("Certificates to trust, relative to this file.", file=True),
    "store.fingerprint": Knob("SHA-256 fingerprint of the engine's certificate, to trust it alone."),
    "store.id_field": Knob("Keyword field that identifies a document; empty: the engine's own _id."),
    "store.title_field": Knob("Stored field that names a document; empty: title."),
    "store.fields": Knob("Stored fields that are fetched; empty: all but vectors."),
    "store.preference": Knob("Which copies of the shards answer: _local, or any text to keep to the same ones."),
    "store.search_type": Knob(
        "Whose term statistics count: dfs_query_then_fetch takes them of the whole index; auto does where it has"
        " more than one shard.",
        choices=SEARCH_TYPES,
    ),
    "store.profile": Knob("Whether the engine tells where the time of each search goes; it slows the search."),
    "store.ragflow.kb_ids": Knob("The knowledge bases that are searched; `rankscope ragflow` lists them."),
    "store.ragflow.doc_ids": Knob("Documents of theirs to search alone; empty: all."),
    "store.ragflow.version": Knob("The month since when RAGFlow ranks so.", choices=RAGFLOW_VERSIONS),
    "store.ragflow.page": Knob("Which page RAGFlow is asked for.", minimum=1, maximum=1000, step=1),
    "store.ragflow.page_size": Knob("Chunks of a page; it decides how many are re-ranked together.", "", 1, 1024, 1),
    "store.ragflow.top": Knob("Most chunks that its kNN returns.", minimum=1, maximum=MAX_TOP, step=1),
    "store.ragflow.similarity_threshold": Knob("Its threshold, for the cosine and for the last score.", "", 0, 1, 0.05),
    "store.ragflow.vector_similarity_weight": Knob("Share of the vector, or model, in its re-rank.", "", 0, 1, 0.05),
    "store.ragflow.tags": Knob("Tags of the question, each with its weight."),
    "store.ragflow.tags.*": Knob("The tag's weight.", minimum=0),
    "store.ragflow.prefilter": Knob("Whether the dense leg finds only what the text matches, as in RAGFlow."),
    "store.ragflow.raw": Knob("Whether the query is a query string as typed, not built as RAGFlow does."),
    "legs.<lexical>.kind": _LEG_KIND,
    "legs.<lexical>.fields": Knob("The fields searched, each with its boost; their scores add up."),
    "legs.<lexical>.fields.*": Knob(
        "Boost of the field inside the leg.", minimum=0, maximum=10, step=0.1, live=True, needs="boosts"
    ),
    "legs.<lexical>.analyzer": Knob("How text becomes terms; fixed when the index is built, and taken from it."),
    "legs.<lexical>.analyzers": Knob("The analyzer of fields that have another one."),
    "legs.<lexical>.analyzers.*": Knob("The field's analyzer."),
    "legs.<lexical>.k1": Knob(
        "BM25: how slowly repeated terms saturate.", minimum=0, maximum=3, step=0.1, live=True, needs="k1"
    ),
    "legs.<lexical>.b": Knob("BM25: how much long fields lose.", minimum=0, maximum=1, step=0.05, live=True, needs="b"),
    "legs.<lexical>.minimum_should_match": Knob("How many of the query's terms a document must have: 2, 75%, -1."),
    "legs.<lexical>.synonyms": Knob("File of synonyms, relative to this file; an expansion weighs 0.25.", file=True),
    "legs.<lexical>.body": Knob("File of a query body of your own, JSON with {{query}} in it.", file=True),
    "legs.<lexical>.template": Knob("Name of a search template stored in the engine; it gets the parameter query."),
    "legs.<lexical>.top_k": _LEG_TOP_K,
    "legs.<dense>.kind": _LEG_KIND,
    "legs.<dense>.embedder": Knob("What turns text into vectors; fixed when the index is built."),
    "legs.<dense>.text": Knob("Template of the text that is embedded; fixed when the index is built."),
    "legs.<dense>.field": Knob("Field of the vectors; empty: the only one that the index has."),
    "legs.<dense>.num_candidates": Knob(
        "Candidates of each shard in an approximate search; 0: twice top_k.",
        "candidates",
        minimum=0,
        maximum=10_000,
        step=1,
        unit="documents",
    ),
    "legs.<dense>.exact": Knob("Whether every vector is compared, where the engine would search approximately."),
    "legs.<dense>.top_k": _LEG_TOP_K,
    "legs.<dense>.similarity_threshold": Knob(
        "Least cosine that counts; 0 is off.", "similarity", 0, 1, 0.05, live=True
    ),
    "legs.<graph>.types": Knob("Kinds of chunks of the knowledge graph that are searched."),
    "legs.<sparse>.kind": _LEG_KIND,
    "legs.<sparse>.field": Knob("Field of the sparse vectors; empty: the only one that the index has."),
    "legs.<sparse>.inference_id": Knob("The engine's inference endpoint, or model id, that expands the query."),
    "legs.<sparse>.analyzer": Knob("Analyzer of the index whose tokens are the query's, each with weight 1."),
    "legs.<sparse>.top_k": _LEG_TOP_K,
    "weights": Knob("One weight per leg; only their ratio matters, and a leg at 0 is not run."),
    "weights.*": Knob("The leg's share of the fused score.", minimum=0, step=0.05, slider=1, live=True),
    "features.*.field": Knob("The numeric field added to the fused score."),
    "features.*.scale": Knob("What the field's value is multiplied by."),
    "features.*.weight": Knob(
        "Weight of the scaled value; below 0 it pushes down.", minimum=-100, maximum=100, step=0.05, slider=1, live=True
    ),
    "fusion.combiner": Knob("How the legs' scores become one.", choices=COMBINERS, live=True),
    "fusion.normalizer": Knob("How a leg's raw scores come onto one scale.", choices=NORMALIZERS, live=True),
    "fusion.rank_constant": _RANK_CONSTANT,
    "rerank.enabled": Knob("Whether the first of the fused list are reranked.", "rerank", live=True),
    "rerank.provider": Knob("Who scores: term needs no model; several fuses those that model names by rank."),
    "rerank.model": Knob("The model's name as the provider knows it; local: a preset, a name of the hub or a folder."),
    "rerank.revision": Knob("Of a local model on the hub: branch, tag or commit; empty: the newest."),
    "rerank.base_url": Knob("The provider's address; empty: its own."),
    "rerank.api_key": Knob("env:NAME, file:PATH or keyring:NAME; empty: the provider's own variable.", secret=True),
    "rerank.dtype": Knob("Number format of a local model.", choices=DTYPES),
    "rerank.device": Knob("Where a local model runs: auto, cpu, cuda, cuda:1, mps."),
    "rerank.backend": Knob("How a local model computes; auto: the fastest that keeps its scores.", choices=BACKENDS),
    "rerank.batch": Knob(
        "Most documents of one forward pass of a local model; 0: the token budget alone decides.",
        minimum=0,
        maximum=MAX_TOP,
        step=1,
        unit="documents",
    ),
    "rerank.token_budget": Knob(
        "Tokens of one forward pass of a local model; 0: what suits its device.",
        minimum=0,
        maximum=1_048_576,
        step=256,
        unit="tokens",
    ),
    "rerank.instruction": Knob("The task in words, for models that take one."),
    "rerank.text": Knob("Template of the text that is scored."),
    "rerank.max_chars": Knob("Cut of that text; 0 is off.", minimum=0, maximum=1_000_000, step=100, unit="characters"),
    "rerank.max_tokens": Knob("Cut of that text; 0 is off.", minimum=0, maximum=131_072, step=64, unit="tokens"),
    "rerank.top_n": Knob(
        "How many of the fused list are reranked.", "top n", 1, MAX_TOP, 1, unit="documents", live=True, log=True
    ),
    "rerank.blend": Knob("What the rerank score does to the order.", choices=BLENDS, live=True),
    "rerank.weight": Knob("Share of the rerank score in a blend.", "blend weight", 0, 1, 0.05, live=True),
    "rerank.vector_weight": Knob(
        "Share of the vector inside provider term.", "term vector", minimum=0, maximum=1, step=0.05, live=True
    ),
    "rerank.normalizer": Knob(
        "Scale of both scores in the blend weighted.", "blend scale", choices=NORMALIZERS, live=True
    ),
    "rerank.rank_constant": _RANK_CONSTANT,
    "rerank.auto": Knob("Whether newcomers to the first N are scored once a slider rests.", live=True),
    "rerank.required": Knob("Whether a reranker that fails is an error (exit code 4)."),
    "rerank.fallback": Knob("What takes over from a reranker that fails.", choices=("none", "term")),
    "rerank.quirks": Knob("RAGFlow behaviours to reproduce in provider term."),
    "filter": Knob("Stored field and the value it must have, or a list of which it must have one."),
    "filter.*": Knob("The value, or values, that the field must have."),
    "cut.threshold": Knob("Least score that stays; 0 is off.", minimum=0, maximum=1, step=0.01, live=True),
    "cut.offset": Knob("Results skipped at the top.", minimum=0, maximum=MAX_TOP, step=1, live=True),
    "cut.top_k": Knob("Results shown.", "results", 1, MAX_TOP, 1, live=True, log=True),
    "cut.group": Knob("Stored field of which each value may stand in the results once."),
    "budget.leg_ms": _budget("one leg"),
    "budget.rerank_ms": _budget("reranking"),
    "budget.query_ms": _budget("a whole query; longer than each stage's"),
    "local.keep_alive_s": Knob(
        "How long the process of local models stays after its last use; 0: a moment, -1: for ever.",
        minimum=-1,
        maximum=604_800,
        step=60,
        unit="seconds",
    ),
    "local.threads": Knob("Threads that a local model computes with; 0: one for each core.", "", 0, 1024, 1),
    "local.cache_dir": Knob(
        "Where models of the hub are kept, relative to this file; empty: the hub's own.", file=True
    ),
    "remote.offline": Knob("Whether nothing may be sent off this machine."),
    "remote.trusted_hosts": Knob("Hosts that count as this machine."),
    "providers.*.like": Knob("The provider that this one is like; default: itself, else openai-compatible."),
    "providers.*.label": Knob("Its name on the screen."),
    "providers.*.base_url": Knob("Its address."),
    "providers.*.path": Knob("What is appended to the address."),
    "providers.*.dialect": Knob("What it speaks.", choices=("", *DIALECTS)),
    "providers.*.api_key": Knob("env:NAME, file:PATH or keyring:NAME of its key.", secret=True),
    "providers.*.auth_header": Knob("The header field that takes the key."),
    "providers.*.auth_scheme": Knob("The word before the key: Bearer, ApiKey, …; bare: none."),
    "providers.*.headers": Knob("Further header fields, each a value or env:NAME, file:PATH, keyring:NAME."),
    "providers.*.headers.*": Knob("The header field's value.", secret=True),
    "providers.*.extra": Knob("Request fields that are always sent."),
    "providers.*.extra.*": Knob("The request field's value."),
    "providers.*.options": Knob("What its address is filled with: region, project, …"),
    "providers.*.options.*": Knob("The option's value."),
    "providers.*.instruction": Knob("The request field that takes rerank.instruction."),
    "providers.*.max_documents": _limit("Most documents of one request.", unit="documents"),
    "providers.*.max_chars": _limit("Longest document that is not cut.", unit="characters"),
    "providers.*.max_query_chars": _limit("Longest query that is not cut.", unit="characters"),
    "providers.*.max_bytes": _limit("Most bytes of the texts of one request.", unit="bytes"),
    "providers.*.max_request_tokens": _limit("Most tokens of one request, estimated.", unit="tokens"),
    "providers.*.listwise_documents": _row("Most documents that a listwise model scores together.", unit="documents"),
    "providers.*.batch": _row("Documents of one request.", unit="documents"),
    "providers.*.concurrency": _limit("Requests in flight.", 1024, "requests"),
    "providers.*.requests_per_minute": _limit("Most requests in a minute."),
    "providers.*.tokens_per_minute": _limit("Most tokens in a minute, estimated."),
    "providers.*.retries": Knob("Further attempts after one that failed in passing; -1: as usual.", "", -1, 20),
    "providers.*.connect_s": _row("Longest time to connect.", 600, "seconds"),
    "providers.*.read_s": _row("Longest silence while an answer is awaited.", 600, "seconds"),
    "providers.*.total_s": _row("Longest time for a request with its retries.", 600, "seconds"),
    "providers.*.kind": Knob("What its scores are.", choices=("", *SCORE_KINDS)),
    "providers.*.models": Knob("Its models; the first is taken where rerank.model is empty."),
    "providers.*.listwise": Knob("Models that score a list as one, so that it must not be split; * ends a prefix."),
    "providers.*.price": _row("US dollars for a million of its units."),
    "providers.*.price_unit": Knob("What the price counts.", choices=("", *PRICE_UNITS)),
}

_STAGE_KEYS = (
    "enabled",
    "provider",
    "model",
    "revision",
    "base_url",
    "api_key",
    "dtype",
    "device",
    "backend",
    "batch",
    "token_budget",
    "instruction",
    "text",
    "max_chars",
    "max_tokens",
    "top_n",
    "blend",
    "weight",
    "normalizer",
    "rank_constant",
)
KNOBS |= {f"rerank.cascade.*.{key}": KNOBS[f"rerank.{key}"] for key in _STAGE_KEYS}
KNOBS |= {key.replace("<dense>", "<graph>"): knob for key, knob in KNOBS.items() if key.startswith("legs.<dense>.")}
