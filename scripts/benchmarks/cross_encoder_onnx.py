"""MiniLM-L6 as a cross-encoder in onnxruntime: exported, fused, quantised; and how pairs are run through it."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
import torch
from onnx import TensorProto
from torch import nn

from sie_agent.models import encoder_folder, load_pretrained

Run = Callable[[pd.DataFrame], npt.NDArray[np.float32]]

NAMES = ("input_ids", "attention_mask", "token_type_ids")
BATCH = 64
TOKENS = 128
FILES = {"fp32": "plain.onnx", "fp32 fused": "fused.onnx", "int8 fused": "quantised.onnx"}
SESSIONS = ("one session", "a session per thread")
SETTINGS = tuple(f"{file}, {sessions}" for file in FILES for sessions in SESSIONS)


class Scored(nn.Module):
    """One number for a pair: a linear head, drawn at random, on the state of the first token."""

    def __init__(self, body: nn.Module) -> None:
        super().__init__()
        self.body = body
        torch.manual_seed(0)
        self.head = nn.Linear(int(body.config.hidden_size), 1)

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        """(n,) scores."""
        hidden = self.body(**dict(zip(NAMES, inputs, strict=True))).last_hidden_state
        found: torch.Tensor = self.head(hidden[:, 0])[:, 0]
        return found


def export_cross_encoder(folder: Path) -> None:
    """Write the three files into *folder*; the exported model must score as torch does."""
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers.optimizer import optimize_model

    body, tokenizer = load_pretrained("AutoModel", encoder_folder(), "float32", attn_implementation="eager")
    model = Scored(body).eval()
    example = tokenizer(["oak shelf", "hose"], ["a shelf of oak", "garden hose of 50 feet"], padding=True)
    inputs = tuple(torch.tensor(example[name]) for name in NAMES)
    plain = folder / FILES["fp32"]
    with warnings.catch_warnings():
        # the older exporter needs no further package, and says on every call that there is a newer one
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            inputs,
            str(plain),
            input_names=list(NAMES),
            output_names=["score"],
            dynamic_axes={**{name: {0: "rows", 1: "tokens"} for name in NAMES}, "score": {0: "rows"}},
            opset_version=17,
            dynamo=False,
        )
    heads, width = int(body.config.num_attention_heads), int(body.config.hidden_size)
    fused = optimize_model(str(plain), model_type="bert", num_heads=heads, hidden_size=width, opt_level=1)
    fused.save_model_to_file(str(folder / FILES["fp32 fused"]))
    quantize_dynamic(
        folder / FILES["fp32 fused"],
        folder / FILES["int8 fused"],
        weight_type=QuantType.QInt8,
        # of what comes out of fused operators, which shape inference does not know
        extra_options={"DefaultTensorType": TensorProto.FLOAT},
    )
    with torch.inference_mode():
        expected = model(*inputs).numpy()
    for name in ("fp32", "fp32 fused"):
        fed = {key: value.numpy() for key, value in zip(NAMES, inputs, strict=True)}
        found = session(folder / FILES[name], 1).run(None, fed)[0]
        if not np.allclose(found, expected, atol=1e-3):
            raise SystemExit(f"the exported cross-encoder ({name}) does not score as torch does")


def session(path: Path, threads: int) -> Any:
    """An open model."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def open_cross_encoder(folder: Path, setting: str, threads: int) -> Run:
    """From a table of pairs to their scores, in one of SETTINGS."""
    file, sessions = setting.split(", ")
    _, tokenizer = load_pretrained("AutoModel", encoder_folder(), "float32")
    fast = tokenizer.backend_tokenizer
    fast.no_padding()
    fast.enable_truncation(TOKENS)
    alone = sessions == SESSIONS[0]
    model = session(folder / FILES[file], threads if alone else 1)

    def run(rows: pd.DataFrame) -> npt.NDArray[np.float32]:
        encoded = fast.encode_batch_fast(list(zip(rows["query"], rows["title"], strict=True)))
        order = np.argsort([len(one.ids) for one in encoded], kind="stable")
        found = np.zeros(len(rows), np.float32)

        def one(start: int) -> None:
            places = order[start : start + BATCH]
            found[places] = model.run(None, padded([encoded[place] for place in places]))[0]

        with ThreadPoolExecutor(1 if alone else threads) as pool:
            list(pool.map(one, range(0, len(order), BATCH)))
        return found

    return run


def padded(encoded: list[Any]) -> dict[str, npt.NDArray[np.int64]]:
    """The model's inputs of one batch, as long as its longest row."""
    longest = max(len(one.ids) for one in encoded)
    found = {name: np.zeros((len(encoded), longest), np.int64) for name in NAMES}
    for row, one in enumerate(encoded):
        count = len(one.ids)
        found["input_ids"][row, :count] = one.ids
        found["attention_mask"][row, :count] = 1
        found["token_type_ids"][row, :count] = one.type_ids
    return found
