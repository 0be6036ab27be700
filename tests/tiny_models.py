"""Cross-encoders and embedders of a few thousand weights, with real tokenizers, made on the spot from a fixed seed.

``tiny_reranker(folder, family)`` and ``tiny_embedder(folder, family)`` write a folder as the hub has it (config,
weights, tokenizer) and return its path. Torch and transformers are imported only when one is called.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

RERANKERS = ("bert", "xlm-roberta", "modernbert", "qwen3", "qwen3-seq-cls")
EMBEDDERS = ("bert", "xlm-roberta", "modernbert", "qwen3")

QWEN_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How Qwen cuts text before its byte pairs (``tokenizer.json`` of the model)."""

QWEN_SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
QWEN_PLAIN = ("<think>", "</think>")
"""Tokens of their own that Qwen does not mark as special."""

VOCABULARY = 2048
HIDDEN = 32


@cache
def sentences() -> tuple[str, ...]:
    """English to learn a vocabulary from: the docstrings of the standard library's plainest modules."""
    import argparse
    import asyncio
    import collections
    import decimal
    import email.message
    import logging
    import pathlib
    import threading
    import unittest.mock

    found = []
    for module in (argparse, asyncio, collections, decimal, email.message, logging, pathlib, threading, unittest.mock):
        members: list[Any] = [module, *(value for _, value in sorted(vars(module).items()) if callable(value))]
        for member in members:
            methods = [value for _, value in sorted(getattr(member, "__dict__", {}).items()) if callable(value)]
            found += [text for one in (member, *methods) if isinstance(text := getattr(one, "__doc__", None), str)]
    return (*dict.fromkeys(found), "東京 中文 日本語 한국어 مرحبا 🙂 é ü ñ", "yes\nno\nYes\nNo\n0\n1\n" * 200)


def tiny_reranker(folder: Path, family: str, **overrides: Any) -> Path:
    """A cross-encoder of ``family`` (one of ``RERANKERS``) in ``folder``; ``overrides`` go to its config."""
    import torch
    import transformers

    torch.manual_seed(7)
    tokenizer = _tokenizer(family)
    config = _config(family, len(tokenizer), **({"num_labels": 1} | overrides))
    if "max_position_embeddings" in overrides:
        tokenizer.model_max_length = overrides["max_position_embeddings"] - (2 if family == "xlm-roberta" else 0)
    auto = "AutoModelForCausalLM" if family == "qwen3" else "AutoModelForSequenceClassification"
    model = getattr(transformers, auto).from_config(config)
    return _save(folder, model, tokenizer)


def tiny_embedder(folder: Path, family: str, **overrides: Any) -> Path:
    """An embedder of ``family`` (one of ``EMBEDDERS``) in ``folder``, with the files of sentence-transformers: mean
    pooling for the encoders, the last token for qwen3, vectors of length 1, prompts for queries and passages."""
    import torch
    import transformers

    torch.manual_seed(11)
    tokenizer = _tokenizer(family)
    model = transformers.AutoModel.from_config(_config(family, len(tokenizer), **overrides))
    _save(folder, model, tokenizer)
    modules = [
        {"idx": at, "name": str(at), "path": path, "type": f"sentence_transformers.models.{path[2:] or 'Transformer'}"}
        for at, path in enumerate(("", "1_Pooling", "2_Normalize"))
    ]
    last = family == "qwen3"
    pooling = {
        "word_embedding_dimension": HIDDEN,
        "pooling_mode_cls_token": False,
        "pooling_mode_mean_tokens": not last,
        "pooling_mode_lasttoken": last,
        "include_prompt": True,
    }
    task = "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery:"
    prompts = {"query": task, "document": ""} if last else {"query": "query: ", "document": "passage: "}
    (folder / "1_Pooling").mkdir()
    (folder / "2_Normalize").mkdir()
    for name, content in (
        ("modules.json", modules),
        ("1_Pooling/config.json", pooling),
        ("config_sentence_transformers.json", {"prompts": prompts, "similarity_fn_name": "cosine"}),
        ("sentence_bert_config.json", {"max_seq_length": 128, "do_lower_case": False}),
    ):
        (folder / name).write_text(json.dumps(content), encoding="utf-8")
    return folder


def _save(folder: Path, model: Any, tokenizer: Any) -> Path:
    import transformers

    folder.mkdir(parents=True, exist_ok=True)
    transformers.utils.logging.disable_progress_bar()
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def _config(family: str, vocabulary: int, **overrides: Any) -> Any:
    import transformers

    shape: dict[str, Any] = {
        "vocab_size": vocabulary,
        "hidden_size": HIDDEN,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "pad_token_id": 0,
        "initializer_range": 0.25,  # wide, so that scores spread as training would make them
    }
    match family:
        case "bert":
            config, extra = transformers.BertConfig, {"max_position_embeddings": 256}
        case "xlm-roberta":  # positions begin behind the padding's
            config = transformers.XLMRobertaConfig
            extra = {"max_position_embeddings": 258, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
            extra["type_vocab_size"] = 1
        case "modernbert":  # a window narrow enough to matter
            config = transformers.ModernBertConfig
            extra = {"max_position_embeddings": 512, "local_attention": 32, "global_attn_every_n_layers": 2}
            extra |= {"cls_token_id": 1, "sep_token_id": 2, "bos_token_id": 1, "eos_token_id": 2}
        case "qwen3" | "qwen3-seq-cls":
            config = transformers.Qwen3Config
            extra = {"max_position_embeddings": 1024, "num_key_value_heads": 2, "head_dim": 16}
            extra |= {"tie_word_embeddings": True, "bos_token_id": None, "eos_token_id": 2}
        case _:
            raise ValueError(f"no tiny model of family {family!r}")
    return config(**(shape | extra | overrides))


@cache
def _tokenizer(family: str) -> Any:
    """A fast tokenizer of the family's kind: WordPiece, Unigram, byte pairs, byte pairs cut as Qwen cuts."""
    import transformers
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from tokenizers.processors import TemplateProcessing

    pair = ("[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]")
    named = {"pad_token": "[PAD]", "cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]"}
    named["mask_token"] = "[MASK]"
    frame: tuple[str, str] | None = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B:1 [SEP]:1")
    limit = 256
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    if family == "bert":
        made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        made.normalizer = normalizers.BertNormalizer(lowercase=True)
        made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=list(pair), show_progress=False)
    elif family == "xlm-roberta":
        pair = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
        named = {"bos_token": "<s>", "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "<unk>"}
        named |= {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
        frame = ("<s> $A </s>", "<s> $A </s> </s> $B </s>")
        made = Tokenizer(models.Unigram())
        made.normalizer = normalizers.NFKC()
        made.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(
            vocab_size=VOCABULARY, special_tokens=list(pair), unk_token="<unk>", show_progress=False
        )
    elif family == "modernbert":
        frame, limit = ("[CLS] $A [SEP]", "[CLS] $A [SEP] $B [SEP]"), 512
        made = Tokenizer(models.BPE())
        made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=list(pair), initial_alphabet=alphabet, show_progress=False
        )
    else:
        pair, frame, limit = QWEN_SPECIAL, None, 1024
        named = {"pad_token": "<|endoftext|>", "eos_token": "<|im_end|>"}
        made = Tokenizer(models.BPE())
        made.normalizer = normalizers.NFC()
        made.pre_tokenizer = pre_tokenizers.Sequence(
            [
                pre_tokenizers.Split(Regex(QWEN_WORDS), behavior="isolated"),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
            ]
        )
        made.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY, special_tokens=list(pair), initial_alphabet=alphabet, show_progress=False
        )
    made.train_from_iterator(sentences(), trainer)
    if frame is not None:
        ids = [(token, made.token_to_id(token)) for token in pair]
        made.post_processor = TemplateProcessing(single=frame[0], pair=frame[1], special_tokens=ids)
    else:
        made.add_tokens([AddedToken(token, normalized=False, special=False) for token in QWEN_PLAIN])
    inputs = ["input_ids", "attention_mask"] + (["token_type_ids"] if family == "bert" else [])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made, model_max_length=limit, model_input_names=inputs, **named
    )
