"""Encoders that a scorer can be given: the packaged MiniLM, static vectors made of it, a folder or Hub id of either."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sie_agent.errors import InputError
from sie_agent.files.json_files import read_object
from sie_agent.files.small_files import MEBIBYTE, read_bytes
from sie_agent.models.files import ENCODER, encoder_folder, made_once, named_folder
from sie_agent.scorer.blocks.encoder import Encoder, checked_tokenizer
from sie_agent.scorer.blocks.encoder_graphs import MATRIX, MOST_TOKENS, Shape, shapes_of
from sie_agent.utils.arrays import Floats, Integers
from sie_agent.utils.extras import require_extra
from sie_agent.utils.progress import bar, say

STATIC, MODEL2VEC = "static", "model2vec"
# dimensions of static vectors, and how far frequent tokens count less: the defaults of model2vec (Tulkens 2024)
STATIC_SIZE, SIF = 256, 1e-4
MOST_OF_WEIGHTS, MOST_OF_TOKENIZER = 2_048 * MEBIBYTE, 64 * MEBIBYTE
TOKENS_AT_ONCE = 256


def encoder_of(model: str) -> Encoder:
    """An encoder: the packaged MiniLM where *model* is empty, ``static`` for static vectors of it, a folder or Hub id.

    Raises
    ------
    InputError : no such model, or one that cannot be taken.
    EnvironmentFailure : a package is not installed.
    """
    require_extra("static", "tokenizers", "safetensors")
    if model == STATIC:
        folder = made_once(f"static-{STATIC_SIZE}-{ENCODER.name}", ENCODER.digest(), distilled_into)
        return read_static(folder, f"{ENCODER.name}, static")
    folder = named_folder(model) if model else encoder_folder()
    kind = read_object(folder / "config.json").get("model_type")
    if kind == MODEL2VEC:
        return read_static(folder, folder.name)
    if kind != "bert":
        hint = "Give a folder or Hub id of either, or 'embedding:static'."
        raise InputError(
            f"expected an encoder of type bert or {MODEL2VEC}, found {kind!a}"[:120], where=folder, hint=hint
        )
    return read_transformer(folder, model or ENCODER.name)


def read_transformer(folder: Path, name: str) -> Encoder:
    """A BERT with mean pooling, such as MiniLM.

    Raises
    ------
    InputError : its files are damaged, or its layers are of another kind.
    """
    config = read_object(folder / "config.json")
    try:
        if config.get("hidden_act") != "gelu" or config.get("position_embedding_type", "absolute") != "absolute":
            raise ValueError("layers of another kind")
        shape = Shape(
            int(config["num_hidden_layers"]), int(config["num_attention_heads"]), float(config["layer_norm_eps"])
        )
        found = {key.removeprefix("bert."): value for key, value in tensors(folder).items()}
        weights = {key: found[key] for key in shapes_of(found, shape)}
    except (KeyError, ValueError, TypeError) as error:
        said = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        problem = f"an encoder that is not taken: {said}"[:200]
        raise InputError(problem, where=folder, hint="Give a BERT, such as all-MiniLM-L6-v2.") from error
    return Encoder.made(name, tokenizer_in(folder), weights, shape)


def read_static(folder: Path, name: str) -> Encoder:
    """Static vectors as model2vec writes them: a row for each token, and each text the mean of its tokens' rows.

    Raises
    ------
    InputError : its files are damaged, or it has fewer rows than tokens.
    """
    found = tensors(folder)
    if MATRIX not in found or found[MATRIX].ndim != 2 or found.keys() - {MATRIX}:
        # rows that several tokens share, and weights apart from them, are a way to be smaller
        problem = f"expected one table, '{MATRIX}', with a row for each token; found {', '.join(sorted(found))}"[:200]
        raise InputError(problem, where=folder, hint="Distill it without vocabulary_quantization.")
    return Encoder.made(name, tokenizer_in(folder), {MATRIX: found[MATRIX]}, Shape())


def tensors(folder: Path) -> dict[str, npt.NDArray[Any]]:
    """The tables of ``model.safetensors``."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    path = folder / "model.safetensors"
    try:
        return dict(load(read_bytes(path, MOST_OF_WEIGHTS, "Give a smaller model.")))
    except OSError as error:
        raise InputError("the encoder has no model.safetensors", where=folder, hint="Give a model that has.") from error
    except (SafetensorError, KeyError, ValueError, TypeError) as error:
        raise InputError("the weights of the encoder cannot be read", where=path, hint="Fetch it again.") from error


def tokenizer_in(folder: Path) -> str:
    """The tokenizer of a folder, checked."""
    path = folder / "tokenizer.json"
    try:
        return checked_tokenizer(read_bytes(path, MOST_OF_TOKENIZER, "Give a smaller one."), path)
    except OSError as error:
        raise InputError("the encoder has no tokenizer.json", where=folder, hint="Give a model that has.") from error


def distilled_into(folder: Path) -> None:
    """Static vectors of the packaged MiniLM, in the form of model2vec, whose method this is.

    Each token is read alone by the encoder; the vectors lose all but `STATIC_SIZE` principal components, and are
    weighted by sif / (sif + p), where p falls with the token's place in the vocabulary as in Zipf's law. Own code,
    because model2vec's does this by a package that is not always there (``model2vec[distill]``).
    """
    from safetensors.numpy import save_file

    say("Making static vectors of the sentence encoder, once: about a minute ...")
    teacher = read_transformer(encoder_folder(), ENCODER.name)
    told = json.loads(teacher.tokenizer)
    known = np.arange(teacher.words)
    vectors = means_alone(teacher, known)
    matrix = reduced(vectors, STATIC_SIZE) * zipf_weights(len(vectors))[:, None]
    # words that it does not know, and the marks of a text's ends, say nothing
    matrix[[place for place in range(len(known)) if place in special_ids(told)]] = 0
    save_file({MATRIX: matrix.astype(np.float16)}, str(folder / "model.safetensors"))
    told |= {"truncation": None, "padding": None, "post_processor": None}
    (folder / "tokenizer.json").write_text(json.dumps(told), encoding="utf-8")
    config = {"model_type": MODEL2VEC, "hidden_dim": STATIC_SIZE, "normalize": True, "seq_length": MOST_TOKENS}
    (folder / "config.json").write_text(json.dumps(config | {"tokenizer_name": ENCODER.name}), encoding="utf-8")


def special_ids(tokenizer: dict[str, Any]) -> set[int]:
    """The ids of the tokens that stand for no word."""
    return {int(one["id"]) for one in tokenizer.get("added_tokens", ()) if one.get("special")}


def means_alone(teacher: Encoder, tokens: Integers) -> Floats:
    """(n, width) what the encoder makes of each token alone, between the marks of a text's ends."""
    first, *_, last = teacher.ids_of("a")
    found = np.zeros((len(tokens), teacher.width), np.float32)
    with bar("Reading tokens", len(tokens)) as shown:
        for start in range(0, len(tokens), TOKENS_AT_ONCE):
            some = tokens[start : start + TOKENS_AT_ONCE]
            ids = np.column_stack([np.full_like(some, first), some, np.full_like(some, last)]).astype(np.int64)
            found[start : start + len(some)] = teacher.run(ids)
            shown.advance(len(some))
    return found


def reduced(vectors: Floats, size: int) -> Floats:
    """(n, size) principal components of (n, width) vectors."""
    from sklearn.decomposition import PCA

    return np.asarray(PCA(min(size, *vectors.shape), svd_solver="covariance_eigh").fit_transform(vectors), np.float32)


def zipf_weights(count: int) -> npt.NDArray[np.float64]:
    """(count,) smooth inverse frequencies (Arora 2017), tokens being in the order of their frequency."""
    inverse = 1 / np.arange(2, count + 2)
    share = inverse / inverse.sum()
    return np.asarray(SIF / (SIF + share))


def identity_of(encoder: Encoder) -> str:
    """SHA-256, in hex, of an encoder's model: which one it is."""
    return hashlib.sha256(encoder.model).hexdigest()
