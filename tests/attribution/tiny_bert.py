"""A BERT of two layers whose words are given, as a Hugging Face folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def write_tiny_bert(folder: Path, words: Sequence[str]) -> str:
    """Write the model and its tokenizer; the path as text."""
    import torch
    import transformers

    vocabulary = {word: place for place, word in enumerate([*SPECIAL, *words])}
    transformers.BertTokenizerFast(vocab=vocabulary).save_pretrained(str(folder))
    torch.manual_seed(0)
    config = transformers.BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=40,
        initializer_range=0.3,
    )
    transformers.BertModel(config).save_pretrained(str(folder))
    return str(folder)
