"""Inputs beside the text: the same in any batch, in Python, in ONNX, and in a folder that was written and read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest

from sie_agent.errors import InputError
from sie_agent.labels import StudentSettings
from sie_agent.scorer import Scorer, ScorerSession, distill_scorer, explain_rows, load_scorer, save_scorer
from sie_agent.scorer.blocks import registry
from sie_agent.scorer.blocks.behaviour import BehaviourBlock
from sie_agent.scorer.blocks.embedding import EmbeddingBlock
from sie_agent.scorer.blocks.encoder import Encoder
from sie_agent.scorer.blocks.encoder_graphs import MATRIX, MOST_TOKENS, Shape, Weights, shapes_of
from sie_agent.scorer.blocks.registry import fit_blocks, inputs_named
from sie_agent.scorer.estimator import ImportanceScorer
from sie_agent.utils.arrays import Floats

WORDS = (
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    "lamp",
    "kettle",
    "saw",
    "rug",
    "mug",
    "blue",
    "steel",
    "number",
    "##s",
    "1",
)
QUICK = StudentSettings(trees=12, rows_per_leaf=5)


def tokenizer() -> dict[str, Any]:
    """A tokenizer of few words, as a sentence encoder has it."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    made = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))
    made.normalizer = normalizers.BertNormalizer()
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return dict(json.loads(made.to_str()))


def bert(layers: int = 2, width: int = 12, inner: int = 20) -> tuple[Weights, Shape]:
    """Weights of a small BERT, drawn."""
    rng, shape = np.random.default_rng(3), Shape(layers, 3, 1e-12)
    first = {
        "embeddings.word_embeddings.weight": (len(WORDS), width),
        "embeddings.position_embeddings.weight": (MOST_TOKENS, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "encoder.layer.0.intermediate.dense.weight": (inner, width),
    }
    known = {name: np.zeros(size) for name, size in first.items()}
    return {name: rng.normal(0, 0.5, size) for name, size in shapes_of(known, shape).items()}, shape


def static(width: int = 8) -> Encoder:
    matrix = np.random.default_rng(4).normal(size=(len(WORDS), width))
    matrix[:4] = 0
    return Encoder.made("static", json.dumps({**tokenizer(), "post_processor": None}), {MATRIX: matrix}, Shape())


def transformer() -> Encoder:
    return Encoder.made("small", json.dumps(tokenizer()), *bert())


ENCODERS: dict[str, Callable[[], Encoder]] = {"static": static, "transformer": transformer}


@pytest.fixture(scope="module")
def shopped(samples: pd.DataFrame) -> pd.DataFrame:
    """The rows with what shoppers did; some of it unknown."""
    rng = np.random.default_rng(5)
    views = rng.poisson(3, len(samples)).astype(float)
    views[::7] = np.nan
    return samples.assign(shopper_views=views, shopper_price_band=rng.normal(size=len(samples)), preference=0.5)


def made(encoder: Encoder, shopped: pd.DataFrame, labels: pd.DataFrame) -> Scorer:
    """A scorer of all blocks, with an encoder that is made here."""
    kind = type("Small", (EmbeddingBlock,), {"fit": classmethod(lambda cls, rows, model: cls.fitted(encoder, rows))})
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(registry.BLOCKS, "embedding", kind)
        inputs = "text,embedding,behaviour"
        # the relevance of a row hangs on what the shopper did too
        wanted = labels.assign(value=labels["value"] + 0.3 * np.nan_to_num(shopped["shopper_views"].to_numpy()))
        return distill_scorer(shopped, wanted, inputs=inputs, settings=QUICK, seed=1)


@pytest.fixture(scope="module", params=list(ENCODERS))
def scorer_of_all(request: pytest.FixtureRequest, shopped: pd.DataFrame, labels: pd.DataFrame) -> Scorer:
    return made(ENCODERS[request.param](), shopped, labels)


@pytest.fixture(scope="module")
def folder(scorer_of_all: Scorer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("blocks")
    save_scorer(scorer_of_all, place)
    return place


def scores_of(scorer: Scorer, rows: pd.DataFrame) -> Floats:
    return scorer.predict(rows)[list(scorer.students)].to_numpy()


def behaviour_of(rows: pd.DataFrame) -> dict[str, Any]:
    return {name: rows[name].tolist() for name in ("preference", "shopper_price_band", "shopper_views")}


def asked(session: ScorerSession, rows: pd.DataFrame, **more: Any) -> Floats:
    texts = (rows[name].tolist() for name in ("query", "title", "description"))
    found = session.score(*texts, rows["label"].tolist(), **more)
    return np.column_stack([found[name] for name in session.labels])


@pytest.mark.parametrize(
    "given", ["embedding,text", ["behaviour", "text", "embedding:static"], "text", "text,behaviour"]
)
def test_inputs_come_in_one_order(given: Any) -> None:
    named = inputs_named(given)
    assert named[0] == "text" and [one.partition(":")[0] for one in named[1:]] == sorted(
        (one.partition(":")[0] for one in named[1:]), key=list(registry.BLOCKS).index
    )


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("embedding", "reads its text"),
        ("text,clicks", "no inputs 'clicks'"),
        ("text,embedding,embedding:static", "come twice"),
        ("text:small", "no inputs 'text:small'"),
        ("", "no inputs ''"),
    ],
)
def test_inputs_that_are_none(given: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        inputs_named(given)


def test_behaviour_without_columns_or_with_a_model(samples: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"shopper_\*; found 0"):
        fit_blocks(samples, "text,behaviour")
    with pytest.raises(InputError, match="names a model"):
        fit_blocks(samples, "text,behaviour:mine")


def test_a_transformer_is_torchs() -> None:
    """The graph against BERT as transformers has it, of the same weights."""
    torch, transformers = pytest.importorskip("torch"), pytest.importorskip("transformers")
    weights, shape = bert()
    config = transformers.BertConfig(
        vocab_size=len(WORDS),
        hidden_size=12,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        intermediate_size=20,
        max_position_embeddings=MOST_TOKENS,
    )
    model = transformers.BertModel(config, add_pooling_layer=False).eval()
    # the encoder keeps them in two bytes
    kept = {name: torch.tensor(value.astype(np.float16).astype(np.float32)) for name, value in weights.items()}
    told = model.load_state_dict(kept, strict=False)
    assert not told.unexpected_keys and all(
        "position_ids" in key or "token_type_ids" in key for key in told.missing_keys
    )
    ids = np.array([[2, 4, 9, 11, 3], [2, 5, 5, 1, 3]])
    with torch.inference_mode():
        mean = model(torch.tensor(ids)).last_hidden_state.mean(dim=1)
        wanted = torch.nn.functional.normalize(mean, dim=1).numpy()
    assert np.allclose(transformer().run(ids), wanted, atol=2e-6)


def test_static_vectors_are_means_of_rows() -> None:
    encoder = static()
    matrix = np.random.default_rng(4).normal(size=(len(WORDS), 8)).astype(np.float16).astype(float)
    mean = matrix[[WORDS.index("blue"), WORDS.index("lamp"), WORDS.index("##s")]].mean(axis=0)
    found = encoder.vectors(["Blue lamps", "", "Blue lamps"])
    assert np.allclose(found[0], mean / np.linalg.norm(mean), atol=1e-6)
    assert (found[1] == 0).all() and (found[2] == found[0]).all()


@pytest.mark.parametrize("rows", [1, 7, 180])
def test_scores_are_the_same_in_any_batch_and_order(scorer_of_all: Scorer, shopped: pd.DataFrame, rows: int) -> None:
    order = np.random.default_rng(rows).permutation(len(shopped))
    whole, mixed = scores_of(scorer_of_all, shopped), shopped.iloc[order]
    parts = [scores_of(scorer_of_all, mixed.iloc[start : start + rows]) for start in range(0, len(mixed), rows)]
    assert np.array_equal(np.vstack(parts), whole[order])


def test_what_is_not_known_of_a_shopper_is_no_zero(scorer_of_all: Scorer, shopped: pd.DataFrame) -> None:
    unknown = scores_of(scorer_of_all, shopped.assign(shopper_views=np.nan))
    assert not np.allclose(unknown, scores_of(scorer_of_all, shopped.assign(shopper_views=9.0)))
    assert np.isfinite(unknown).all()


def test_a_folder_scores_as_what_was_written(scorer_of_all: Scorer, folder: Path, shopped: pd.DataFrame) -> None:
    read = load_scorer(folder)
    assert read.input_names == scorer_of_all.input_names and read.columns == scorer_of_all.columns
    assert np.array_equal(scores_of(read, shopped), scores_of(scorer_of_all, shopped))
    assert json.loads((folder / "config.json").read_text())["format"] == 5


@pytest.mark.parametrize("threads", [1, 2])
def test_a_session_scores_as_python(scorer_of_all: Scorer, folder: Path, shopped: pd.DataFrame, threads: int) -> None:
    session = ScorerSession(folder, threads=threads)
    found = asked(session, shopped, behaviour=behaviour_of(shopped))
    assert np.allclose(found, scores_of(scorer_of_all, shopped), atol=1e-6)
    assert session.columns == ("preference", "shopper_price_band", "shopper_views")


def test_onnxruntime_alone_scores_from_vectors(scorer_of_all: Scorer, folder: Path, shopped: pd.DataFrame) -> None:
    model = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes())
    feeds = {name: shopped[name].to_numpy(object) for name in ("query", "title", "description")}
    more = {name: value for block in scorer_of_all.blocks for name, value in block.feeds(shopped).items()}
    assert set(more) == {"query_vector", "title_vector", "behaviour"}
    found = model.run(list(scorer_of_all.students), {**feeds, "label": shopped["label"].to_numpy(np.float32), **more})
    assert np.allclose(np.column_stack(found), scores_of(scorer_of_all, shopped), atol=1e-6)


def test_missing_columns_are_named(scorer_of_all: Scorer, folder: Path, shopped: pd.DataFrame) -> None:
    lacking = shopped.drop(columns="shopper_views")
    with pytest.raises(InputError, match="lack: shopper_views"):
        scorer_of_all.predict(lacking)
    with pytest.raises(InputError, match="lack: preference, shopper_price_band, shopper_views"):
        asked(ScorerSession(folder), shopped)


@pytest.mark.parametrize("value", [np.inf, -np.inf, 1e13, "many"])
def test_numbers_that_are_none_are_refused(scorer_of_all: Scorer, shopped: pd.DataFrame, value: Any) -> None:
    column = shopped["shopper_views"].astype(object).copy()
    column.iloc[3] = value
    with pytest.raises(InputError, match="row 4, field 'shopper_views'"):
        scorer_of_all.predict(shopped.assign(shopper_views=column))


def test_explanations_add_up(scorer_of_all: Scorer, shopped: pd.DataFrame) -> None:
    for one in explain_rows(scorer_of_all, shopped.head(3), "value", top=None):
        assert one.base + sum(feature.effect for feature in one.features) == pytest.approx(one.rank, abs=1e-6)
        names = {feature.name for feature in one.features}
        assert {"sentence cosine", "query vector", "vector distances", "shopper_views"} <= names
    unknown = explain_rows(scorer_of_all, shopped.head(1), "value", top=None)[0]
    told = next(feature for feature in unknown.features if feature.name == "shopper_views")
    assert told.value is None and told.meaning == "how many of them are views: not known"


def renewed(folder: Path, target: Path, changes: dict[str, Callable[[bytes], bytes]]) -> Path:
    """A copy of a scorer's folder with changed files, whose hashes are right."""
    target.mkdir()
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    content |= {name: change(content[name]) for name, change in changes.items()}
    config = json.loads(content["config.json"])
    config["sha256"] = {name: hashlib.sha256(content[name]).hexdigest() for name in config["sha256"]}
    for name, data in (content | {"config.json": json.dumps(config).encode()}).items():
        (target / name).write_bytes(data)
    return target


def in_config(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        config = json.loads(content)
        change(config["blocks"][0])
        return json.dumps(config).encode()

    return changed


def in_encoder(change: Callable[[Any], Any]) -> Callable[[bytes], bytes]:
    def changed(content: bytes) -> bytes:
        model = onnx.ModelProto()
        model.ParseFromString(content)
        change(model)
        return bytes(model.SerializeToString())

    return changed


def elsewhere(model: Any) -> None:
    model.graph.initializer[0].data_location = 1


def infinite(model: Any) -> None:
    tensor = next(one for one in model.graph.initializer if one.data_type == onnx.TensorProto.FLOAT16)
    tensor.raw_data = np.full(len(tensor.raw_data) // 2, np.inf, np.float16).tobytes()


def other_operator(model: Any) -> None:
    model.graph.node[0].op_type = "Sin"


def more_tokens(content: bytes) -> bytes:
    told = json.loads(content)
    told["model"]["vocab"]["sofa"] = len(WORDS)
    return json.dumps(told).encode()


def slow_pattern(content: bytes) -> bytes:
    told = json.loads(content)
    told["pre_tokenizer"] = {"type": "Split", "pattern": {"Regex": "(a+)+$"}, "behavior": "Removed", "invert": False}
    return json.dumps(told).encode()


DAMAGES: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "numbers elsewhere": ("encoder.onnx", in_encoder(elsewhere)),
    "infinite": ("encoder.onnx", in_encoder(infinite)),
    "another operator": ("encoder.onnx", in_encoder(other_operator)),
    "no model": ("encoder.onnx", lambda content: content[:-100]),
    "a slow pattern": ("tokenizer.json", slow_pattern),
    "no tokenizer": ("tokenizer.json", lambda content: b"[]"),
    "width": ("config.json", in_config(lambda block: block.update(width=9))),
    "width of text": ("config.json", in_config(lambda block: block.update(width="9"))),
    "layers": ("config.json", in_config(lambda block: block.update(layers=40))),
    "heads": ("config.json", in_config(lambda block: block.update(layers=2, heads=5))),
    "kind": ("config.json", in_config(lambda block: block.update(kind="clicks"))),
}


@pytest.mark.parametrize(("name", "change"), DAMAGES.values(), ids=list(DAMAGES))
def test_damaged_blocks_are_refused(folder: Path, tmp_path: Path, name: str, change: Any) -> None:
    with pytest.raises(InputError, match=r"Distill|encoder|fetch"):
        load_scorer(renewed(folder, tmp_path / "damaged", {name: change}))


def test_a_tokenizer_of_more_tokens_than_the_encoder(folder: Path, tmp_path: Path, shopped: pd.DataFrame) -> None:
    scorer = load_scorer(renewed(folder, tmp_path / "damaged", {"tokenizer.json": more_tokens}))
    with pytest.raises(InputError, match="more tokens than the encoder"):
        scorer.predict(shopped)


@pytest.mark.parametrize("name", ["encoder.onnx", "tokenizer.json"])
def test_a_file_that_was_changed_is_refused(folder: Path, tmp_path: Path, name: str) -> None:
    copied = renewed(folder, tmp_path / "changed", {})
    (copied / name).write_bytes((copied / name).read_bytes() + b" ")
    with pytest.raises(InputError, match="missing or damaged"):
        load_scorer(copied)


def test_columns_of_behaviour_are_checked(tmp_path: Path) -> None:
    for columns in ([], ["label"], ["shopper_a", "shopper_a"], "shopper_a", [f"shopper_{n}" for n in range(300)]):
        with pytest.raises(ValueError, match="behaviour must be"):
            BehaviourBlock.read({"columns": columns}, {}, {}, tmp_path)


def test_text_alone_is_written_as_it_was(scorer: Scorer, tmp_path: Path) -> None:
    save_scorer(scorer, tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["format"] == 4 and "blocks" not in config and list(config["sha256"]) == ["model.onnx"]


def test_the_card_says_what_is_read(folder: Path) -> None:
    card = (folder / "README.md").read_text()
    assert "`shopper_views` | number, or NaN" in card and "by the encoder `" in card and '"behaviour": np.array' in card


def test_an_estimator_passes_the_columns_on(folder: Path, scorer_of_all: Scorer, shopped: pd.DataFrame) -> None:
    estimator = ImportanceScorer.load(folder)
    found = estimator.predict(shopped)
    assert np.allclose(found, scores_of(scorer_of_all, shopped)[:, : found.shape[1]], atol=1e-9)
    with pytest.raises(InputError, match="lack: shopper_views"):
        estimator.predict(shopped.drop(columns="shopper_views"))
