"""Pretrained transformers for the target models: found, loaded once, and the token ids that they read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.json_files import read_object
from sie_agent.models.files import encoder_folder, load_pretrained, named_folder, require_transformers
from sie_agent.utils.foreign import foreign_bars_silenced

TokenIds = npt.NDArray[np.int32]


@dataclass(frozen=True)
class PretrainedBody:
    """A pretrained transformer that all states of all targets share; nothing ever changes it.

    Attributes
    ----------
    module : the torch module without its pooler, dropout off.
    padding : id of the token that fills up a row.
    separator : id of the token between query and item, where the model tells segments apart, else None.
    width : size of a token's state.
    """

    module: Any
    padding: int
    separator: int | None
    width: int


def model_folder(model: str) -> Path:
    """The folder of a model: a folder, a Hub id, or empty for the MiniLM that comes in a package."""
    require_transformers()
    return named_folder(model) if model else encoder_folder()


def token_pairs(queries: Sequence[str], items: Sequence[str], model: str, length: int) -> TokenIds:
    """Token ids of "query [SEP] item", (n, length), filled up at the end with the padding token.

    Parameters
    ----------
    model : folder or Hub id whose tokenizer is used; empty for the MiniLM.
    length : tokens of a row, the special ones among them; the longer of the two texts is cut first.

    Raises
    ------
    EnvironmentFailure : torch or transformers is missing, or the tokenizer cannot be loaded.
    InputError : no such model, or it reads fewer tokens.
    """
    folder = model_folder(model)
    room = stated(folder, "max_position_embeddings")
    if room is not None and length > room:
        raise InputError(f"the model reads {room} tokens, not {length}", where=folder, hint="Lower target.length.")
    from transformers import AutoTokenizer

    try:
        with foreign_bars_silenced():
            tokenizer = with_padding(AutoTokenizer.from_pretrained(str(folder)))
    except Exception as error:
        # damaged files surface as a dozen kinds of error
        raise EnvironmentFailure(f"the tokenizer cannot be loaded ({type(error).__name__})", where=folder) from error
    if not len(queries):
        return np.zeros((0, length), np.int32)
    found = tokenizer(list(queries), list(items), truncation=True, max_length=length, padding="max_length")
    return np.asarray(found["input_ids"], np.int32)


def stated(folder: Path, key: str) -> int | None:
    """A number that the model's ``config.json`` states, None where it does not."""
    try:
        found = read_object(folder / "config.json").get(key)
    except InputError:
        return None  # the model's own loader says what is wrong with the file
    return found if isinstance(found, int) else None


def with_padding(tokenizer: Any) -> Any:
    """The tokenizer, filling up at the end; one of a causal model may have no padding token of its own."""
    tokenizer.padding_side = "right"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_body(model: str, layers: int | None) -> PretrainedBody:
    """The transformer of a folder or Hub id with its first *layers* layers, None for all.

    Raises
    ------
    InputError : no such model, or it has fewer layers.
    """
    return body_in(str(model_folder(model)), layers)


@lru_cache(maxsize=4)
def body_in(folder: str, layers: int | None) -> PretrainedBody:
    """The transformer of a folder, loaded once."""
    options: dict[str, Any] = {}
    if layers is not None:
        there = stated(Path(folder), "num_hidden_layers")
        if there is not None and layers > there:
            raise InputError(f"the model has {there} layers, not {layers}", where=folder, hint="Lower target.layers.")
        options["num_hidden_layers"] = layers
    # eager attention: the fused kernels have no forward-mode derivative
    module, tokenizer = load_pretrained("AutoModel", Path(folder), "float32", attn_implementation="eager", **options)
    if hasattr(module, "pooler"):
        module.pooler = None
    module.requires_grad_(False)
    segments = getattr(module.config, "type_vocab_size", 0) > 1
    return PretrainedBody(
        module,
        int(with_padding(tokenizer).pad_token_id),
        tokenizer.sep_token_id if segments else None,
        int(module.config.hidden_size),
    )
