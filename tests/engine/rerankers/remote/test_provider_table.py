"""The table of providers and what is pure about it: addresses, overlays, keys, batches, prices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import SettingsError
from engine.records import ScoreKind
from engine.rerankers.remote.batches import batch_size, cut_to_tokens, estimate_tokens, plan, total_limit
from engine.rerankers.remote.dialects import DIALECTS
from engine.rerankers.remote.keys import kept_elsewhere, key_of, key_source, unset_variable, with_headers
from engine.rerankers.remote.prices import cost_of
from engine.rerankers.remote.providers import Provider, provider, providers, table
from engine.rerankers.remote.urls import endpoint, join
from engine.settings import table as settings_table
from engine.settings.load import decode
from engine.settings.schema import ProviderSettings

NAMED = """
jina xinference localai nvidia openai-compatible siliconflow gpustack novita gitee jiekou cohere qianfan voyage
dashscope dashscope-compatible tei lmstudio together 302ai ollama vllm llamacpp infinity mixedbread zeroentropy pinecone
elasticsearch deepinfra bedrock vertex azure openrouter zhipu huawei astraflow n1n greenpt futurmix ragcon mws newapi
litellm openvino lemonade prime ppio huggingface sglang
"""


def test_settings_name_every_dialect() -> None:
    assert set(settings_table.DIALECTS) == set(DIALECTS)
    with pytest.raises(SettingsError, match=r"providers\.mine\.dialect: 'foo' is not one of cohere, tei"):
        decode({"providers": {"mine": {"dialect": "foo"}}})


def test_every_provider_there_is_has_a_row() -> None:
    assert set(NAMED.split()) <= set(table())


@pytest.mark.parametrize("row", table().values(), ids=lambda row: row.name)
def test_rows_are_consistent(row: Provider) -> None:
    assert row.dialect in DIALECTS
    assert row.base.rstrip("/") == row.base
    assert row.path.startswith("/")
    assert row.suits
    assert row.keys or not row.needs_key
    assert row.models or row.local or not row.base or row.name in ("futurmix", "ragcon", "prime")
    assert not row.max_documents or row.listwise_documents <= row.max_documents or not row.is_listwise("x")
    assert not row.fields or set(row.extra) <= set(row.fields), "only documented fields are sent"
    assert not row.instruction or row.instruction.removeprefix("parameters.") in row.fields
    assert not row.max_tokens or row.max_tokens in row.fields


URLS = [
    ("jina", "", "https://api.jina.ai/v1/rerank"),
    ("jina", "https://api.jina.ai", "https://api.jina.ai/v1/rerank"),
    ("jina", "https://api.jina.ai/", "https://api.jina.ai/v1/rerank"),
    ("jina", "https://api.jina.ai/v1", "https://api.jina.ai/v1/rerank"),
    ("jina", "https://api.jina.ai/v1/", "https://api.jina.ai/v1/rerank"),
    ("jina", "https://api.jina.ai/v1/rerank", "https://api.jina.ai/v1/rerank"),
    ("jina", "https://api.jina.ai/v1/rerank/", "https://api.jina.ai/v1/rerank"),
    ("cohere", "", "https://api.cohere.com/v2/rerank"),
    ("cohere", "https://api.cohere.com/v2", "https://api.cohere.com/v2/rerank"),
    ("cohere", "https://api.cohere.com/v1", "https://api.cohere.com/v1/rerank"),
    ("cohere", "https://api.cohere.com/v1/rerank", "https://api.cohere.com/v1/rerank"),
    ("siliconflow", "https://api.siliconflow.com", "https://api.siliconflow.com/v1/rerank"),
    ("siliconflow", "https://api.siliconflow.cn/v1/rerank/", "https://api.siliconflow.cn/v1/rerank"),
    ("novita", "https://api.novita.ai/openai", "https://api.novita.ai/openai/v1/rerank"),
    ("novita", "https://api.novita.ai/openai/v1", "https://api.novita.ai/openai/v1/rerank"),
    ("novita", "https://api.novita.ai/v3/openai/rerank", "https://api.novita.ai/v3/openai/rerank"),
    ("gitee", "https://ai.gitee.com/v1", "https://ai.gitee.com/v1/rerank"),
    ("gitee-multimodal", "https://ai.gitee.com/v1", "https://ai.gitee.com/v1/rerank/multimodal"),
    ("openrouter", "", "https://openrouter.ai/api/v1/rerank"),
    ("openrouter", "https://openrouter.ai/api/v1", "https://openrouter.ai/api/v1/rerank"),
    ("zhipu", "https://open.bigmodel.cn/api/paas/v4/", "https://open.bigmodel.cn/api/paas/v4/rerank"),
    ("dashscope-compatible", "", "https://dashscope.aliyuncs.com/compatible-api/v1/reranks"),
    (
        "dashscope-compatible",
        "https://ws1.ap-southeast-1.maas.aliyuncs.com/compatible-api/v1",
        "https://ws1.ap-southeast-1.maas.aliyuncs.com/compatible-api/v1/reranks",
    ),
    (
        "dashscope",
        "https://dashscope-intl.aliyuncs.com",
        "https://dashscope-intl.aliyuncs.com/api/v1/services/rerank/text-rerank/text-rerank",
    ),
    ("vllm", "http://localhost:8000", "http://localhost:8000/v1/rerank"),
    ("vllm", "http://localhost:8000/v1", "http://localhost:8000/v1/rerank"),
    ("vllm", "http://localhost:8000/rerank", "http://localhost:8000/rerank"),
    ("vllm", "http://localhost:8000/v2/rerank", "http://localhost:8000/v2/rerank"),
    ("llamacpp", "http://localhost:8080/reranking", "http://localhost:8080/reranking"),
    ("infinity", "http://localhost:7997", "http://localhost:7997/rerank"),
    ("infinity", "http://localhost:7997/v1", "http://localhost:7997/v1/rerank"),
    ("gpustack", "http://gpu/v1-openai", "http://gpu/v1/rerank"),
    ("gpustack", "http://gpu/v1", "http://gpu/v1/rerank"),
    ("gpustack", "http://gpu/stack/", "http://gpu/stack/v1/rerank"),
    ("openvino", "http://ovms:8000/v3", "http://ovms:8000/v3/rerank"),
    ("openai-compatible", "http://localhost:8000/v1", "http://localhost:8000/v1/rerank"),
    ("openai-compatible", "http://localhost:8000/v1/reranks", "http://localhost:8000/v1/reranks"),
    ("openai-compatible", "http://localhost:8000/prefix", "http://localhost:8000/prefix/rerank"),
    ("tei", "http://tei:8080/", "http://tei:8080/rerank"),
    ("tei", "http://tei:8080/models/bge", "http://tei:8080/models/bge/rerank"),
    ("tei", "http://[::1]:8080", "http://[::1]:8080/rerank"),
    ("mws", "https://mws.example/project/7", "https://mws.example/project/7/cohere/v2/rerank"),
    ("azure", "https://a.eastus.models.ai.azure.com", "https://a.eastus.models.ai.azure.com/v2/rerank"),
    ("azure", "https://a.example/v1/rerank?api-version=3", "https://a.example/v1/rerank?api-version=3"),
    ("azure", "https://a.example?api-version=3", "https://a.example/v2/rerank?api-version=3"),
    ("elasticsearch", "https://es:9200", "https://es:9200/_inference/rerank/.rerank-v1-elasticsearch"),
    ("elasticsearch", "https://es/_inference/rerank/.rerank-v1-elasticsearch", None),
    ("mixedbread", "https://api.mixedbread.ai/v1", "https://api.mixedbread.ai/v1/reranking"),
    ("nim", "http://nim:8000/v1", "http://nim:8000/v1/ranking"),
    ("nim", "http://nim:8000/v1/ranking", "http://nim:8000/v1/ranking"),
    ("ollama", "http://localhost:11434/", "http://localhost:11434/api/embed"),
    ("ollama", "http://localhost:11434/api", "http://localhost:11434/api/embed"),
    ("lmstudio", "http://localhost:1234/v1", "http://localhost:1234/v1/embeddings"),
    ("judge", "https://api.openai.com/v1/", "https://api.openai.com/v1/chat/completions"),
]


@pytest.mark.parametrize(("name", "base", "url"), URLS)
def test_addresses_come_out_right_however_they_are_typed(name: str, base: str, url: str | None) -> None:
    row = table()[name]
    model = row.models[0] if row.models else ""
    assert endpoint(row, base, model) == (url or base)
    assert endpoint(row, endpoint(row, base, model), model) == (url or base), "an address is taken as it is"


@pytest.mark.parametrize(
    ("name", "model", "url"),
    [
        ("nvidia", "nvidia/llama-3.2-nv-rerankqa-1b-v2", "nvidia/llama-3_2-nv-rerankqa-1b-v2/reranking"),
        ("nvidia", "nvidia/llama-nemotron-rerank-1b-v2", "nvidia/llama-nemotron-rerank-1b-v2/reranking"),
        ("nvidia", "nv-rerank-qa-mistral-4b:1", "/v1/retrieval/nvidia/reranking"),
        ("302ai", "jina-reranker-m0", "https://api.302.ai/jina/v1/rerank"),
        ("302ai", "qwen3-rerank", "https://api.302.ai/v1/reranks"),
        ("302ai", "bge-reranker-v2-m3", "https://api.302.ai/v1/rerank"),
        ("deepinfra", "Qwen/Qwen3-Reranker-8B", "/v1/inference/Qwen/Qwen3-Reranker-8B"),
        ("huggingface", "a b?c", "/models/a%20b%3Fc/pipeline/text-ranking"),
        ("bedrock", "", "https://bedrock-agent-runtime.us-east-1.amazonaws.com/rerank"),
    ],
)
def test_the_model_may_be_part_of_the_address(name: str, model: str, url: str) -> None:
    assert endpoint(table()[name], "", model).endswith(url)


@pytest.mark.parametrize("base", ["localhost:8080", "ftp://host", "https://", "/rerank", "host"])
def test_what_is_no_address_is_refused_with_the_way_out(base: str) -> None:
    with pytest.raises(SettingsError, match="no address of a service") as caught:
        join(base, "/rerank")
    assert "http://" in caught.value.hint


def test_what_the_row_cannot_know_must_be_said() -> None:
    with pytest.raises(SettingsError, match="base_url is empty"):
        endpoint(table()["tei"], "", "")
    with pytest.raises(SettingsError, match=r"providers\.vertex\.options\.project"):
        endpoint(table()["vertex"], "", "m")
    with pytest.raises(SettingsError, match=r"needs rerank\.model"):
        endpoint(table()["deepinfra"], "", "")


def test_a_provider_is_a_few_lines_of_toml() -> None:
    settings = decode(
        {
            "providers": {
                "mine": {"like": "vllm", "base_url": "http://gpu:8000", "models": ["m"], "extra": {"priority": 3}},
                "cohere": {"max_documents": 50, "retries": 0},
                "plain": {"base_url": "http://other"},
            }
        }
    )
    rows = providers(settings.providers)
    assert set(rows) == {*table(), "mine", "plain"}
    mine = rows["mine"]
    assert (mine.name, mine.label, mine.path, mine.base) == ("mine", "mine", "/v1/rerank", "http://gpu:8000")
    assert (mine.models, mine.extra, mine.needs_key) == (("m",), {"priority": 3}, False)
    cohere = rows["cohere"]
    assert (cohere.max_documents, cohere.retries) == (50, 0)
    changed = msgspec.structs.replace(cohere, max_documents=1000, retries=3)
    assert changed == table()["cohere"], "nothing else of the row"
    assert rows["plain"].dialect == table()["openai-compatible"].dialect
    assert provider("nowhere", settings.providers) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [("kind", "logits"), ("concurrency", -2), ("batch", "many"), ("nonsense", 1), ("extra", 3), ("fields", ["x"])],
)
def test_a_wrong_key_of_a_provider_is_a_settings_error(key: str, value: Any) -> None:
    with pytest.raises(SettingsError, match=rf"providers\.mine\.{key}"):
        decode({"providers": {"mine": {key: value}}})


def test_kinds_and_lists_follow_the_model() -> None:
    assert table()["jina"].is_listwise("jina-reranker-v3")
    assert table()["jina"].is_listwise("jina-reranker-v3.5")
    assert table()["302ai"].is_listwise("jina-reranker-v3"), "by whatever gateway"
    assert not table()["jina"].is_listwise("jina-reranker-v2-base-multilingual")
    assert table()["llamacpp"].kind_of("bge-reranker") is ScoreKind.LOGIT
    assert table()["llamacpp"].kind_of("Qwen3-Reranker-0.6B-Q8") is ScoreKind.PROBABILITY
    assert total_limit(table()["jina"], "jina-reranker-v3") == 64
    assert total_limit(table()["cohere"], "rerank-v3.5") == 0


# --- keys -----------------------------------------------------------------------------------------------------------


def test_a_key_comes_from_the_settings_else_from_the_first_variable_that_is_set(tmp_path: Path) -> None:
    row = table()["cohere"]
    environ = {"COHERE_API_KEY": " from-cohere ", "MINE": "from-mine"}
    found = key_of(row, environ=environ)
    assert found
    assert (found.reveal(), found.source) == ("from-cohere", "env:COHERE_API_KEY")
    mine = key_of(row, "env:MINE", environ=environ)
    assert mine
    assert mine.reveal() == "from-mine"
    assert key_source(row, "", environ) == "env:COHERE_API_KEY"
    assert key_source(row, "literally-a-key", environ) == "settings"
    assert key_source(row, "", {}) == ""
    assert (unset_variable(row, "env:MINE", environ), unset_variable(row, "env:MINE", {})) == ("", "MINE")
    assert unset_variable(row, "", {}) == unset_variable(row, "file:k", {}) == ""
    assert key_of(table()["tei"], environ={}) is None
    with pytest.raises(SettingsError, match="Cohere needs a key: CO_API_KEY not set") as caught:
        key_of(row, environ={})
    assert 'or providers.cohere.api_key = "file:PATH"' in caught.value.hint, "which holds for one of several as well"


@pytest.mark.parametrize(
    ("said", "source"), [("literally-a-key", "settings"), ("env:MINE", "env:MINE"), ("file:k", "file:k")]
)
def test_a_key_of_a_provider_of_ones_own_is_a_reference_or_the_key_itself(
    tmp_path: Path, said: str, source: str
) -> None:
    (tmp_path / "k").write_text("literally-a-key\n")
    settings = decode({"providers": {"mine": {"like": "cohere", "api_key": said}}})
    row = providers(settings.providers)["mine"]
    found = key_of(row, base_dir=tmp_path, environ={"MINE": "literally-a-key\n", "CO_API_KEY": "another"})
    assert found
    assert (found.reveal(), found.source) == ("literally-a-key", source)
    assert key_source(row, "", {}) == source
    assert kept_elsewhere(row) == (source == "file:k")


def test_amazon_signs_with_two_variables_and_perhaps_a_third() -> None:
    row = table()["bedrock"]
    pair = {"AWS_ACCESS_KEY_ID": "AKID", "AWS_SECRET_ACCESS_KEY": "secret-123"}
    for environ, expected in ((pair, "AKID:secret-123"), (pair | {"AWS_SESSION_TOKEN": "t-1"}, "AKID:secret-123:t-1")):
        found = key_of(row, environ=environ)
        assert found
        assert found.reveal() == expected
    with pytest.raises(SettingsError, match="AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY not set"):
        key_of(row, environ={"AWS_ACCESS_KEY_ID": "AKID"})


def test_a_mongodb_key_has_an_address_of_its_own() -> None:
    assert table()["voyage"].base_of("al-123") == "https://ai.mongodb.com"
    assert table()["voyage"].base_of("pa-123") == ""


def test_headers_may_refer_to_secrets() -> None:
    row = msgspec.structs.replace(table()["tei"], headers={"X-Team": "env:TEAM", "X-Version": "3"})
    assert with_headers(row, environ={"TEAM": "blue-team"}).headers == {"X-Team": "blue-team", "X-Version": "3"}


# --- batches --------------------------------------------------------------------------------------------------------

LIMITS = {
    "batch": st.integers(1, 7),
    "max_documents": st.integers(0, 9),
    "max_bytes": st.integers(0, 60),
    "max_request_tokens": st.integers(0, 30),
    "max_chars": st.integers(0, 20),
}


@given(st.lists(st.text(min_size=1, max_size=30), max_size=40), st.text(max_size=10), st.fixed_dictionaries(LIMITS))
def test_requests_cover_the_list_in_order_within_every_limit(
    texts: list[str], query: str, limits: dict[str, int]
) -> None:
    row = msgspec.structs.replace(table()["openai-compatible"], **limits)
    asked = plan(row, "m", query, texts)
    assert [stop for _, stop in asked.batches[:-1]] == [start for start, _ in asked.batches[1:]]
    assert asked.asked == len(texts) == len(asked.cut)
    for (start, stop), tokens in zip(asked.batches, asked.tokens, strict=True):
        sent = asked.texts[start:stop]
        assert 0 < len(sent) <= batch_size(row, "m")
        assert tokens == sum(estimate_tokens(query) + estimate_tokens(text) for text in sent)
        if len(sent) > 1:
            size = len(query.encode("utf-8", "replace")) + sum(len(t.encode("utf-8", "replace")) for t in sent)
            assert not row.max_bytes or size <= row.max_bytes
            assert not row.max_request_tokens or tokens <= row.max_request_tokens
    for text, sent_text, cut in zip(texts, asked.texts, asked.cut, strict=True):
        assert cut == (text != sent_text)
        assert not row.max_chars or len(sent_text) <= row.max_chars


@given(st.integers(0, 200), st.integers(1, 80), st.integers(0, 90))
def test_a_list_that_must_not_be_split_is_one_request(n: int, together: int, cap: int) -> None:
    row = msgspec.structs.replace(table()["jina"], batch=2, listwise_documents=together, max_documents=cap)
    asked = plan(row, "jina-reranker-v3", "q", ["text"] * n)
    assert len(asked.batches) == (n > 0)
    assert asked.asked == min(n, total_limit(row, "jina-reranker-v3"))


def test_a_model_may_have_caps_of_its_own_and_leave_a_field_out() -> None:
    qwen, old, images = (table()["dashscope"].of(m) for m in ("qwen3-rerank", "gte-rerank-v2", "qwen3-vl-rerank"))
    assert (qwen.max_request_tokens, old.max_request_tokens, images.max_request_tokens) == (120_000, 30_000, 120_000)
    assert (qwen.max_documents, old.max_documents, images.max_documents) == (500, 500, 100)
    own = decode({"providers": {"dashscope": {"max_request_tokens": 9_000}}})
    assert providers(own.providers)["dashscope"].of("gte-rerank-v2").max_request_tokens == 9_000
    invoke = table()["bedrock-invoke"]
    assert invoke.of("cohere.rerank-v3-5:0").extra == {"api_version": 2}
    assert invoke.of("amazon.rerank-v1:0").extra == {}


def test_zhipu_is_never_sent_more_characters_than_it_takes() -> None:
    asked = plan(table()["zhipu"], "rerank", "q", ["x" * 10_000] * 30)
    assert max(stop - start for start, stop in asked.batches) * 10_000 < 122_000


def test_what_is_too_long_is_cut_and_marked() -> None:
    row = table()["qianfan"]
    asked = plan(row, "m", "q" * 2000, ["short", "x" * 5000])
    assert (len(asked.query), [len(text) for text in asked.texts]) == (1600, [5, 4096])
    assert asked.cut == (True, True), "a query that was cut touches every document"
    assert plan(row, "m", "q", ["short", "x" * 5000]).cut == (False, True)


def test_tokens_are_cut_here_where_the_provider_has_no_field_for_it() -> None:
    text = "word " * 400
    assert estimate_tokens(plan(table()["tei"], "m", "q", [text], 50).texts[0]) == 50
    assert plan(table()["cohere"], "m", "q", [text], 50).texts == (text,), "its own field says it"


@pytest.mark.parametrize(
    ("text", "tokens"), [("", 0), ("four", 1), ("fives", 2), ("你好", 2), ("abcd你", 2), ("🙂🙂", 2)]
)
def test_tokens_are_estimated_by_alphabet(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens


@given(st.text(max_size=60), st.integers(1, 20))
def test_a_cut_is_the_longest_beginning_that_fits(text: str, limit: int) -> None:
    cut = cut_to_tokens(text, limit)
    assert text.startswith(cut)
    assert estimate_tokens(cut) <= limit
    assert cut == text or estimate_tokens(text[: len(cut) + 1]) > limit


# --- prices ---------------------------------------------------------------------------------------------------------


def test_a_price_is_what_the_provider_reports_else_what_the_row_says() -> None:
    row = msgspec.structs.replace(table()["cohere"], price=2000.0)
    assert cost_of(row, {"searches": 3}) == {"usd": 0.006}
    assert cost_of(row, {"searches": 3, "usd": 0.5}) == {"usd": 0.5}
    assert cost_of(row, {"tokens": 3}) == {}
    assert cost_of(table()["cohere"], {"searches": 3}) == {}
    assert cost_of(msgspec.structs.replace(row, price_unit="requests"), {}) == {"usd": 0.002}


def test_a_limit_of_the_table_can_be_lifted() -> None:
    own = {
        "qianfan": ProviderSettings(max_documents=0, max_chars=0),
        "cohere": ProviderSettings(requests_per_minute=0, concurrency=0),
        "gitee": ProviderSettings(),
    }
    rows = providers(own)
    assert (table()["qianfan"].max_documents, rows["qianfan"].max_documents, rows["qianfan"].max_chars) == (64, 0, 0)
    assert rows["qianfan"].max_query_chars == table()["qianfan"].max_query_chars > 0
    assert (rows["cohere"].limits.concurrency, rows["cohere"].limits.requests_per_minute) == (0, 0)
    assert rows["gitee"] == table()["gitee"]
    assert plan(rows["qianfan"], "m", "q", ["x" * 9000]).cut == (False,)
