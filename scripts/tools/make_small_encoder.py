"""A transformer of two layers and 64 units that reads query and title together: the body of a small cross-encoder.

    python scripts/tools/make_small_encoder.py --out cache/models/small-encoder

Distilled from the cosine of MiniLM's sentence vectors on the pairs of a data set and as many with another query's
title. It reads texts and nothing else: no label, no grade. Its words and their vectors are MiniLM's, the vectors
brought down to 64 numbers by their principal components. About six minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import numpy as np
import torch
import transformers

from scripts.benchmarks.shared import say
from sie_agent.evaluation import spearman
from sie_agent.models import encoder_folder, token_pairs
from sie_agent.samples import load_samples

WIDTH, LAYERS, HEADS = 64, 2, 2
LENGTH = 32
SEPARATOR = 102  # of the vocabulary of BERT, which MiniLM has
BATCH = 128
RATE = 2e-3
HELD_OUT = 1500
# spread of the word vectors, and of the first layer's queries and keys around the identity: words that are alike look
# at each other from the start
WORD_SPREAD, KEY_SCALE, KEY_SPREAD = 0.5, 1.5, 0.02


def main() -> None:
    """Distill and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="homedepot")
    parser.add_argument("--min-items", type=int, default=7, help="of a query; others are left out")
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    samples = load_samples(arguments.data)
    samples = samples[samples.groupby("query")["query"].transform("size") >= arguments.min_items]
    titles = samples["title"].tolist()
    pairs = (samples["query"].tolist() * 2, titles + [titles[place] for place in rng.permutation(len(titles))])
    teacher = transformers.AutoModel.from_pretrained(str(encoder_folder())).eval()
    cosines = sentence_cosines(teacher, *pairs)
    tokens = token_pairs(*pairs, "", LENGTH)
    student = new_student(teacher.embeddings.word_embeddings.weight.detach().numpy(), tokens)
    distill(student, tokens, (cosines - cosines.mean()) / cosines.std(), arguments.epochs, rng)
    student.save_pretrained(str(arguments.out))
    transformers.AutoTokenizer.from_pretrained(str(encoder_folder())).save_pretrained(str(arguments.out))
    say(f"written: {arguments.out}")


def sentence_cosines(teacher: Any, queries: list[str], titles: list[str]) -> np.ndarray:
    """Cosine of the mean token states of query and title, (n,)."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(encoder_folder()))
    texts = sorted({*queries, *titles}, key=lambda text: (len(text), text))
    place = {text: number for number, text in enumerate(texts)}
    parts = []
    with torch.inference_mode():
        for start in range(0, len(texts), BATCH):
            chunk = texts[start : start + BATCH]
            inputs = tokenizer(chunk, return_tensors="pt", padding=True, truncation=True, max_length=LENGTH)
            mask = inputs["attention_mask"][..., None]
            mean = (teacher(**inputs).last_hidden_state * mask).sum(1) / mask.sum(1)
            parts.append(torch.nn.functional.normalize(mean, dim=1))
            if start // BATCH % 50 == 0:
                say(f"teacher: {start} of {len(texts)} texts")
    vectors = torch.cat(parts).numpy()
    left, right = ([place[text] for text in side] for side in (queries, titles))
    return np.asarray((vectors[left] * vectors[right]).sum(axis=1))


def new_student(words: np.ndarray, tokens: np.ndarray) -> Any:
    """The small transformer at its start."""
    centred = words - words.mean(axis=0)
    used = np.unique(tokens)
    _, _, directions = np.linalg.svd(centred[used], full_matrices=False)
    small = centred @ directions[:WIDTH].T
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=WIDTH,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        intermediate_size=2 * WIDTH,
        max_position_embeddings=2 * LENGTH,
        hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )
    student = transformers.BertModel(config, add_pooling_layer=False)
    table = student.embeddings.word_embeddings.weight
    table.data = torch.from_numpy((small * (WORD_SPREAD / small[used].std())).astype(np.float32))
    table.requires_grad_(False)
    attention = student.encoder.layer[0].attention.self
    for layer in (attention.query, attention.key):
        layer.weight.data = KEY_SCALE * torch.eye(WIDTH) + KEY_SPREAD * torch.randn(WIDTH, WIDTH)
    return student


def distill(student: Any, tokens: np.ndarray, wanted: np.ndarray, epochs: int, rng: np.random.Generator) -> None:
    """Train the student and a head of its own, which is thrown away, to give the wanted numbers."""
    head = torch.nn.Linear(WIDTH, 1)
    parameters = [one for one in student.parameters() if one.requires_grad] + list(head.parameters())
    optimiser = torch.optim.AdamW(parameters, lr=RATE, weight_decay=0.01)
    order = rng.permutation(len(tokens))
    held_out, rest = order[:HELD_OUT], order[HELD_OUT:]
    steps = epochs * -(-len(rest) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps, pct_start=0.1)
    for epoch in range(epochs):
        shuffled = rng.permutation(rest)
        for start in range(0, len(rest), BATCH):
            rows = shuffled[start : start + BATCH]
            optimiser.zero_grad()
            torch.nn.functional.mse_loss(
                predicted(student, head, tokens[rows]), torch.from_numpy(wanted[rows]).float()
            ).backward()
            optimiser.step()
            schedule.step()
        with torch.no_grad():
            found = predicted(student, head, tokens[held_out]).numpy()
        error = float(((found - wanted[held_out]) ** 2).mean())
        agreement = spearman(found.astype(np.float64), wanted[held_out].astype(np.float64))
        say(f"epoch {epoch + 1} of {epochs}: held-out squared error {error:.3f}, Spearman {agreement:.3f}")


def predicted(student: Any, head: torch.nn.Linear, tokens: np.ndarray) -> torch.Tensor:
    """What student and head give for each row, (n,)."""
    ids = torch.from_numpy(tokens[:, : int((tokens != 0).sum(axis=1).max())].astype(np.int64))
    real, ends = (ids != 0), (ids == SEPARATOR).long()
    segments = ((ends.cumsum(1) - ends) > 0).long() * real
    hidden = student(input_ids=ids, attention_mask=real.long(), token_type_ids=segments).last_hidden_state
    return head((hidden * real[..., None]).sum(1) / real.sum(1, keepdim=True))[:, 0]


if __name__ == "__main__":
    main()
