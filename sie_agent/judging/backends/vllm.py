"""vLLM in this process: the highest batch speed, without a server.

Graded variants are answered by the exact log-probabilities of the grade tokens; written ones under a JSON schema.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.json_files import read_object
from sie_agent.files.paths import user_path
from sie_agent.judging.answers import Answer, Request, answer_schema, bare_token, graded_answer
from sie_agent.judging.backends.base import BackendOptions, Batch, InProcess, Source
from sie_agent.judging.backends.http.form import GRADE_TOKENS, TOP_LOGPROBS
from sie_agent.judging.prompts.variants import Variant
from sie_agent.judging.written import parse_written
from sie_agent.models import files as models
from sie_agent.utils.foreign import foreign_bars_silenced
from sie_agent.utils.progress import say
from sie_agent.utils.shown import shown

DEFAULT_LENGTH = 4096
MOST_TOKEN_IDS = 128
LEAST_CHUNK, LONGEST_CHUNK = 64, 4096
# so long a chunk takes: longer, and more is lost with a killed run; shorter, and the engine idles at its ends
CHUNK_SECONDS = 10.0


class VLLMBackend(InProcess):
    """A model in vLLM's engine, on a GPU or, with the CPU build, without one.

    Parameters
    ----------
    model : None for the embedded SmolLM2-135M, else a folder or a Hub id.
    max_model_len : longest prompt and answer together, in tokens; 4096, or what the model can if that is less.
    dtype : ``"auto"``, ``"bfloat16"``, ``"float16"`` or ``"float32"``.
    more : further settings of ``vllm.LLM``: ``gpu_memory_utilization``, ``tensor_parallel_size``, ``enforce_eager``.
    """

    kind = "vllm"
    methods = frozenset({"graded", "written"})
    default_variant = "relevance/graded"
    uses = frozenset({"model"})
    packaged = models.EMBEDDED

    def __init__(
        self, model: str | None = None, *, max_model_len: int | None = None, dtype: str = "auto", **more: Any
    ) -> None:
        if more.get("gpu_memory_utilization", 0.5) > 1.0:
            raise InputError("backend option 'gpu_memory_utilization' is above 1", hint="Give a share, such as 0.9")
        super().__init__(model)
        self._length = None if max_model_len is None else int(max_model_len)
        self._dtype = dtype
        self._more = more
        self._grade_ids: dict[tuple[str, ...], list[int] | None] = {}

    @classmethod
    def make(cls, options: BackendOptions) -> VLLMBackend:
        checked = options.checked(
            max_model_len=int,
            dtype=("auto", "bfloat16", "float16", "float32"),
            gpu_memory_utilization=float,
            tensor_parallel_size=int,
            enforce_eager=(True, False),
        )
        return cls(options.model, **checked)

    def __repr__(self) -> str:
        return shown(self, model=self.model, dtype=self._dtype, max_model_len=self._length)

    def require(self) -> None:
        """Raise EnvironmentFailure where a package is not installed."""
        models.require_vllm()
        if self._given is None:
            models.require_transformers()
            self.packaged.require()

    def fingerprint(self) -> str:
        """Hash of the weights; of a model from the Hub its revision."""
        if self._given is None or user_path(self._given).is_dir():
            return super().fingerprint()
        # the Hub's client calls the folder of a snapshot by its commit
        return models.named_folder(self._given).name

    def sources(self, method: str) -> tuple[Source, ...]:
        settings: dict[str, Any] = {"temperature": 0.0, "dtype": self._dtype}
        if method == "graded":
            # the first token's probabilities are the same however many more are allowed
            settings |= {"max_tokens": 1, "logprobs": "grade tokens"}
        return (Source(self.model, self.fingerprint(), method, "vllm", settings),)

    def answer(self, variant: Variant, requests: Iterable[Request]) -> Iterator[Batch]:
        engine = self._engine()
        tokens = variant.max_output_tokens if variant.method == "written" else GRADE_TOKENS
        room = int(engine.llm_engine.model_config.max_model_len) - tokens
        parameters = self._parameters(variant)
        # the first request alone: all others find the rubric and the examples in the prefix cache
        waiting, size = iter(requests), 1
        while chunk := list(islice(waiting, size)):
            fitting, refused = sorted_out(engine.get_tokenizer(), chunk, room, variant.method)
            if refused:
                yield refused
            if not fitting:
                continue
            started = time.perf_counter()
            outputs = chat(engine, fitting, parameters)
            took = time.perf_counter() - started
            each = took * 1000.0 / len(fitting)
            yield [
                (request, counted(read_output(variant, output), output, each))
                for request, output in zip(fitting, outputs, strict=True)
            ]
            size = next_size(size, took)

    def close(self) -> None:
        """End the engine's processes."""
        engine, self._loaded = self._loaded, None
        if engine is not None:
            with suppress(Exception):  # what cannot be ended in order ends with this process
                engine.llm_engine.engine_core.shutdown()

    def _engine(self) -> Any:
        """vLLM's engine, loaded once."""
        if self._loaded is None:
            models.require_vllm()
            folder = self._folder()
            say(f"Loading {self.model} into vLLM ...")
            length = self._length or min(DEFAULT_LENGTH, longest_input(folder))
            settings = {"max_model_len": length, "dtype": self._dtype, "enable_prefix_caching": True, "seed": 0}
            self._loaded = load_engine(folder, {**settings, **self._more})
            if not getattr(self._loaded.get_tokenizer(), "chat_template", None):
                self.close()
                raise InputError("the model has no chat template", where=folder, hint="Use an instruction-tuned model")
        return self._loaded

    def _parameters(self, variant: Variant) -> Any:
        """Sampling parameters of all requests of a variant."""
        from vllm import SamplingParams
        from vllm.sampling_params import StructuredOutputsParams

        if variant.method == "written":
            schema = StructuredOutputsParams(json=answer_schema(variant, "written"))
            return SamplingParams(temperature=0.0, max_tokens=variant.max_output_tokens, structured_outputs=schema)
        tokens = tuple(level.token for level in variant.scale)
        if tokens not in self._grade_ids:
            self._grade_ids[tokens] = grade_ids(self._engine().get_tokenizer(), tokens)
        ids = self._grade_ids[tokens]
        if ids is None:
            return SamplingParams(temperature=0.0, max_tokens=GRADE_TOKENS, logprobs=TOP_LOGPROBS)
        return SamplingParams(temperature=0.0, max_tokens=GRADE_TOKENS, logprob_token_ids=ids)


def longest_input(folder: Path) -> int:
    """The number of tokens that a model can take at most, as far as its configuration says."""
    try:
        said = read_object(folder / "config.json")
        return int(said.get("text_config", said)["max_position_embeddings"])
    except (InputError, ValueError, KeyError, TypeError, AttributeError):
        return DEFAULT_LENGTH


def load_engine(folder: Path, settings: Mapping[str, Any]) -> Any:
    """vLLM's engine with a model.

    Raises
    ------
    EnvironmentFailure : it cannot be loaded.
    """
    with foreign_bars_silenced(), quiet_surroundings():
        from vllm import LLM
        from vllm.platforms import current_platform

        if current_platform.is_cpu():
            settings = {"enforce_eager": True, "block_size": 32, **settings}
            settings["dtype"] = "bfloat16" if settings["dtype"] == "auto" else settings["dtype"]
        try:
            return LLM(model=str(folder), use_tqdm_on_load=False, **settings)
        except Exception as error:
            # the engine's process fails in many ways, and all that arrives here is that it did
            raise EnvironmentFailure(
                f"vLLM cannot load the model: {models.first_line(error)}",
                where=folder,
                hint="Lower max_model_len or gpu_memory_utilization; VLLM_LOGGING_LEVEL=INFO tells more",
            ) from error


@contextmanager
def quiet_surroundings() -> Iterator[None]:
    """Environment variables that vLLM and its processes read when they start, where the user has not set them."""
    wanted = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_KVCACHE_SPACE": "1",
        "TORCH_CPP_LOG_LEVEL": "ERROR",
        # without a GPU there is no triton, which needs no mention
        "TORCH_LOGS": "-torch._library.triton",
        "PYTHONWARNINGS": "ignore::FutureWarning",
        "HF_HUB_OFFLINE": "1",
    }
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            os.environ.pop(name, None)


def grade_ids(tokenizer: Any, tokens: Sequence[str]) -> list[int] | None:
    """Ids of all spellings of the grade tokens; None where a token has none, or there are too many to ask for."""
    ids = list(range(len(tokenizer)))
    bare = [bare_token(text) for text in tokenizer.batch_decode([[one] for one in ids])]
    found = [one for one, text in zip(ids, bare, strict=True) if text in tokens]
    if len(found) > MOST_TOKEN_IDS or not set(tokens) <= {bare[one] for one in found}:
        return None
    return found


def sorted_out(tokenizer: Any, chunk: list[Request], room: int, method: str) -> tuple[list[Request], Batch]:
    """The requests that fit into *room* tokens, and the refusal of those that do not."""
    fitting: list[Request] = []
    refused: Batch = []
    for request in chunk:
        # hardly any token is shorter than a byte: only what could be too long is worth counting
        if sum(len(message["content"].encode()) + 32 for message in request.messages) > room:
            text = tokenizer.apply_chat_template(list(request.messages), tokenize=False, add_generation_prompt=True)
            count = len(tokenizer(text, add_special_tokens=False)["input_ids"])
            if count > room:
                refused.append((request, Answer("too-long", method, detail=f"{count} tokens, {room} fit")))
                continue
        fitting.append(request)
    return fitting, refused


def chat(engine: Any, requests: list[Request], parameters: Any) -> list[Any]:
    """What the engine says to each request.

    Raises
    ------
    EnvironmentFailure : the engine died.
    """
    try:
        return list(engine.chat([list(request.messages) for request in requests], parameters, use_tqdm=False))
    except Exception as error:
        hint = "Run again: what was answered is kept. VLLM_LOGGING_LEVEL=INFO tells more"
        raise EnvironmentFailure(f"vLLM stopped: {models.first_line(error)}", hint=hint) from error


def read_output(variant: Variant, output: Any) -> Answer:
    """What one output of the engine says."""
    said = output.outputs[0]
    tokens = [level.token for level in variant.scale]
    cut = said.finish_reason == "length"
    if variant.method == "written":
        names = [one.name for one in variant.attributes]
        status, detail, grade = parse_written(said.text, tokens, rationale=variant.rationale, cut=cut, attributes=names)
        if status == "unparsed" and cut:
            detail = f"cut off after {len(said.token_ids)} tokens"
        return Answer(status, "written", detail=detail, grade=grade)
    if not said.logprobs:
        return Answer("empty", "graded", detail="no token was generated")
    # spellings of one token decode alike: each counts
    alternatives = [(entry.decoded_token or "", float(entry.logprob)) for entry in said.logprobs[0].values()]
    chosen = said.logprobs[0].get(said.token_ids[0])
    first = bare_token(chosen.decoded_token or "") if chosen is not None else ""
    return graded_answer(alternatives, first, said.text, tokens, cut=cut, more_tokens=len(said.token_ids) - 1)


def counted(answer: Answer, output: Any, latency_ms: float) -> Answer:
    """The answer with its tokens and its share of the chunk's time."""
    written = len(output.outputs[0].token_ids)
    return replace(
        answer, input_tokens=len(output.prompt_token_ids or ()), output_tokens=written, latency_ms=latency_ms
    )


def next_size(size: int, took: float) -> int:
    """How many requests to hand over next, so that a chunk takes about ten seconds."""
    if size < LEAST_CHUNK:
        return LEAST_CHUNK
    aimed = size * CHUNK_SECONDS / max(took, 0.01)
    return int(min(max(aimed, size / 2, LEAST_CHUNK), size * 2, LONGEST_CHUNK))
