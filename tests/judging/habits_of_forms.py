"""Servers that do not take a part of a request: in the words of real ones, with the status that they send."""

from __future__ import annotations

import json
from typing import Any

from .habit import (
    ANSWER_SECONDS,
    GRADED,
    WRITTEN,
    Asked,
    Habit,
    always,
    fields_error,
    has_system,
    hits,
    refusal,
    refuses,
    right,
    schema_of,
    tells,
    where,
    without,
)
from .scripted_server import Reply, spoken

MESSAGE_LIMIT = (
    "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
)
ONLY_ONE = (
    "Unsupported value: 'temperature' does not support 0 with this model. Only the default (1) value is supported."
)
LEAST_16 = "Invalid 'max_tokens': integer below minimum value. Expected a value >= 16, but got 4 instead."
UNAVAILABLE = "This response_format type is unavailable now"
EVERYTHING = ("max_tokens", "temperature", "seed", "logprobs", "top_logprobs")
IN_WRITING = "in writing"


def limit_of(body: dict[str, Any]) -> float:
    return float(body.get("max_tokens") or body.get("max_completion_tokens") or 10_000)


def sent(name: str, body: dict[str, Any]) -> Any:
    return body.get(name)


def needs_max_completion() -> Any:
    return without("max_tokens", 400, refusal(MESSAGE_LIMIT, param="max_tokens", code="unsupported_parameter"))


def default_temperature() -> Any:
    told = refusal(ONLY_ONE, param="temperature", code="unsupported_value")
    return where(lambda body: body.get("temperature", 1) != 1, 400, told)


def gemini(name: str) -> Any:
    text = f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    details = [{"@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [{"description": text}]}]
    return [{"error": {"code": 400, "message": text, "status": "INVALID_ARGUMENT", "details": details}}]


def mistral(name: str) -> Any:
    entry = {"type": "extra_forbidden", "loc": ["body", name], "msg": "Extra inputs are not permitted", "input": 0}
    return {"detail": [entry]}


def litellm(name: str) -> Any:
    text = (
        f"litellm.UnsupportedParamsError: anthropic does not support parameters: ['{name}'], for model=m. To drop "
        "these, set `litellm.drop_params=True` or for proxy:\n\n`litellm_settings:\n drop_params: true`\n. \n If you "
        f"want to use these params dynamically send allowed_openai_params=['{name}'] in your request."
    )
    return {"error": {"message": text, "type": "None", "param": "None", "code": "400"}}


LIMITS = [
    refuses(
        "openai: max_completion_tokens",
        needs_max_completion(),
        line="max_completion_tokens",
        twice=True,
        seconds=ANSWER_SECONDS,
    ),
    refuses(
        "openai: a limit of 16 at least",
        where(
            lambda body: limit_of(body) < 16, 400, refusal(LEAST_16, param="max_tokens", code="integer_below_min_value")
        ),
        line="limit of 16 tokens",
        langchain=True,
    ),
    refuses(
        "proxy: no limit at all, by FastAPI",
        without("max_tokens", 422, fields_error("max_tokens")),
        without("max_completion_tokens", 422, fields_error("max_completion_tokens")),
        line="no limit",
    ),
    refuses(
        "small server: at most 128 tokens",
        where(lambda body: limit_of(body) > 128, 400, {"message": "max_tokens must be less than or equal to 128"}),
        variant=WRITTEN,
        line="128 tokens at most",
        langchain=True,
    ),
]
TEMPERATURES = [
    refuses(
        "tgi: temperature strictly positive",
        where(
            lambda body: body.get("temperature") == 0,
            422,
            {"error": "Input validation error: `temperature` must be strictly positive", "error_type": "validation"},
        ),
        line="temperature 0.01",
        langchain=True,
        seconds=ANSWER_SECONDS,
    ),
    refuses("openai: the default temperature alone", default_temperature(), line="no temperature", langchain=True),
    refuses(
        "moonshot: temperature 1 alone",
        where(
            lambda body: body.get("temperature", 1) != 1,
            400,
            refusal("invalid temperature: only 1 is allowed for this model"),
        ),
        line="no temperature",
    ),
    refuses(
        "caikit: temperature of 0.05 at least",
        where(lambda body: body.get("temperature", 1) < 0.05, 400, "temperature must be >= 0.05"),
        line="temperature 0.05",
    ),
    refuses(
        "gateway: neither zero nor any other",
        where(lambda body: body.get("temperature") == 0, 400, {"error": "temperature must be greater than 0"}),
        without("temperature", 400, {"error": "temperature is not supported by this model"}),
        line="no temperature",
    ),
]
SEEDS = [
    refuses(
        f"{name}: no seed",
        without("seed", status, body),
        line="no seed",
        keeps=("temperature", "logprobs"),
        seconds=ANSWER_SECONDS * (name == "fastapi"),
    )
    for name, status, body in [
        ("gemini", 400, gemini("seed")),
        ("fastapi", 422, fields_error("seed")),
        (
            "mistral",
            422,
            {
                "object": "error",
                "message": mistral("seed"),
                "type": "invalid_request_error",
                "param": None,
                "code": None,
            },
        ),
        (
            "mistral behind its proxy",
            422,
            {
                "object": "error",
                "message": json.dumps(mistral("seed")),
                "type": "internal_error_proxy",
                "param": None,
                "code": "1000",
            },
        ),
        ("litellm", 400, litellm("seed")),
        (
            "litellm of 2024, by 500",
            500,
            refusal(
                "ollama does not support parameters: {'seed': 0}, for model=m. To drop these, set drop_params", code=500
            ),
        ),
        ("azure, by 404", 404, refusal("Unrecognized request argument supplied: seed")),
        ("embedded server, by 501", 501, b"seed: not implemented"),
        ("gateway, by 415", 415, {"error": "parameter seed is not supported"}),
        ("gateway, by 405", 405, {"message": "the parameter 'seed' is not allowed"}),
        (
            "bedrock",
            400,
            {
                "message": (
                    "Malformed input request: #: extraneous key [seed] is not permitted, please reformat your input "
                    "and try again."
                )
            },
        ),
        (
            "cloudflare",
            400,
            {"success": False, "result": None, "errors": [{"code": 8001, "message": "Error: unknown field 'seed'"}]},
        ),
        ("validator with a list", 400, [{"loc": ["seed"], "msg": "unexpected value"}]),
        ("go server", 400, b'json: unknown field "seed"\n'),
        (
            "problem details",
            400,
            {"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "Unexpected property: seed"},
        ),
        (
            "openrouter, of a provider",
            400,
            {
                "error": {
                    "message": "Provider returned error",
                    "code": 400,
                    "metadata": {
                        "raw": json.dumps(refusal("Unsupported parameter: 'seed'", param="seed")),
                        "provider_name": "P",
                    },
                },
                "user_id": "user_1",
            },
        ),
    ]
]


def most(count: int, text: str, status: int = 400, **more: Any) -> Any:
    return where(lambda body: (body.get("top_logprobs") or 0) > count, status, refusal(text, **more))


FEWER = [
    refuses(
        "vllm: 5 log-probabilities at most",
        most(
            5, "Requested sample logprobs of 20, which is greater than max allowed: 5", type="BadRequestError", code=400
        ),
        line="of 5 tokens",
        langchain=True,
        seconds=ANSWER_SECONDS,
    ),
    refuses(
        "vllm of 2024: no more than 5",
        where(
            lambda body: (body.get("top_logprobs") or 0) > 5,
            400,
            {
                "object": "error",
                "message": "Cannot request more than 5 logprobs.",
                "type": "BadRequestError",
                "code": 400,
            },
        ),
        line="of 5 tokens",
    ),
    refuses(
        "together: the maximum of 3",
        most(3, "20 is greater than the maximum of 3 - 'top_logprobs'", param="top_logprobs"),
        line="of 3 tokens",
    ),
    refuses(
        "pydantic: 8 at most",
        where(
            lambda body: (body.get("top_logprobs") or 0) > 8,
            422,
            fields_error("top_logprobs", text="Input should be less than or equal to 8", kind="less_than_equal"),
        ),
        line="of 8 tokens",
    ),
    refuses("proxy: out of range, no number", most(3, "top_logprobs is out of range"), line="of 3 tokens"),
]
NONE = [
    refuses(
        f"{name}: no log-probabilities", without("logprobs", status, body), line=IN_WRITING, langchain=name == "groq"
    )
    for name, status, body in [
        ("groq", 400, refusal("`logprobs` is not supported with this model")),
        ("groq today", 400, refusal("property 'logprobs' is unsupported, did you mean 'stop'?")),
        (
            "gemini",
            400,
            [{"error": {"code": 400, "message": "Logprobs is not enabled for models/m", "status": "INVALID_ARGUMENT"}}],
        ),
        (
            "vertex",
            400,
            refusal(
                "Unable to submit request because Logprobs is not supported for this model. Remove it and try again."
            ),
        ),
        (
            "vllm on gaudi",
            400,
            refusal(
                "Gaudi doesn't support logprobs. Please remove 'logprobs'/'top_logprobs' from your request to "
                "receive a response.",
                type="BadRequestError",
                code=400,
            ),
        ),
        (
            "deepseek reasoner",
            400,
            refusal("deepseek-reasoner does not support logprobs", code="invalid_request_error"),
        ),
        ("deepseek of 2024", 400, {"detail": "Invalid top_logprobs and logprobs value"}),
        ("litellm", 400, litellm("logprobs")),
        ("openai's reasoning models, by 403", 403, refusal("You are not allowed to request logprobs from this model")),
        (
            "azure",
            400,
            refusal(
                "logprobs, best_of and echo parameters are not available on this model. Please remove the parameter "
                "and try again."
            ),
        ),
    ]
]
SCHEMAS = [
    refuses(
        f"{name}: no JSON schema",
        *rules,
        variant=WRITTEN,
        line=line,
        langchain=name == "deepseek",
        seconds=ANSWER_SECONDS * (name == "deepseek"),
    )
    for name, line, rules in [
        (
            "openai of 2023",
            "any JSON object",
            [
                where(
                    lambda body: schema_of(body) == "json_schema",
                    400,
                    refusal(
                        "Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",
                        param="response_format",
                    ),
                )
            ],
        ),
        ("deepseek", "any JSON object", [where(lambda b: schema_of(b) == "json_schema", 400, refusal(UNAVAILABLE))]),
        (
            "deepseek by its parser",
            "any JSON object",
            [
                where(
                    lambda body: schema_of(body) == "json_schema",
                    422,
                    b"Failed to deserialize the JSON body into the target type: response_format: unknown variant "
                    b"`json_schema`, expected `text` or `json_object` at line 1 column 2900",
                )
            ],
        ),
        (
            "lm studio",
            "no JSON schema",
            [
                where(
                    lambda b: schema_of(b) == "json_schema",
                    400,
                    {"error": "json_schema is not supported by this engine"},
                ),
                where(
                    lambda body: schema_of(body) == "json_object",
                    400,
                    {"error": "'response_format.type' must be 'json_schema' or 'text'"},
                ),
            ],
        ),
        (
            "groq",
            "any JSON object",
            [
                where(
                    lambda body: schema_of(body) == "json_schema",
                    400,
                    refusal(
                        "This model does not support response format `json_schema`. See supported models at "
                        "https://console.groq.com/docs/structured-outputs#supported-models",
                        param="response_format",
                    ),
                )
            ],
        ),
        (
            "azure",
            "any JSON object",
            [
                where(
                    lambda body: schema_of(body) == "json_schema",
                    400,
                    refusal(
                        "response_format value as json_schema is enabled only for api versions 2024-08-01-preview "
                        "and later"
                    ),
                )
            ],
        ),
        (
            "vllm's grammar",
            "any JSON object",
            [
                where(
                    lambda body: schema_of(body) == "json_schema",
                    400,
                    refusal("Grammar error: Unimplemented keys: ['maxLength']", type="BadRequestError", code=400),
                )
            ],
        ),
        (
            "llama.cpp's grammar",
            "no JSON schema",
            [
                where(
                    lambda body: bool(schema_of(body)),
                    400,
                    {"error": {"code": 400, "message": "Failed to parse grammar", "type": "invalid_request_error"}},
                )
            ],
        ),
    ]
]
JINJA = "\n------------\nWhile executing CallExpression at line 1, column 68 in source:\nError: Jinja Exception: "
ROLES = [
    refuses(
        f"{name}: no system role",
        where(has_system, status, body),
        line=line,
        langchain=name == "gemma on vllm",
        seconds=ANSWER_SECONDS * (name == "gemma on vllm"),
    )
    for name, line, status, body in [
        (
            "gemma on vllm",
            "no system role",
            400,
            {
                "object": "error",
                "message": "System role not supported",
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
        ),
        (
            "gemma on llama.cpp, by 500",
            "no system role",
            500,
            {"error": {"code": 500, "message": f"{JINJA}System role not supported", "type": "server_error"}},
        ),
        (
            "mistral's template on vllm",
            "no system role",
            400,
            refusal("Conversation roles must alternate user/assistant/user/assistant/...", type="BadRequestError"),
        ),
        (
            "openai's o1-mini",
            "no system role",
            400,
            refusal(
                "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
                param="messages[0].role",
                code="unsupported_value",
            ),
        ),
        (
            "ministral on llama.cpp, by 500",
            "no system role",
            500,
            {
                "error": {
                    "code": 500,
                    "message": f"{JINJA}Only user, assistant and tool roles are supported, got system.",
                    "type": "server_error",
                }
            },
        ),
    ]
]
ROLES.append(
    refuses(
        "single-turn server: one user message alone",
        where(
            lambda body: len(body["messages"]) > 1,
            422,
            {"detail": "messages must contain a single user message; multi-turn conversations are not supported"},
        ),
        line="one message",
        langchain=True,
    )
)
STRICT = [
    needs_max_completion(),
    default_temperature(),
    without("seed", 422, fields_error("seed")),
    without("logprobs", 400, {"errors": ["logprobs is not supported"]}),
    where(lambda body: schema_of(body) == "json_schema", 400, {"error": UNAVAILABLE}),
    where(lambda body: schema_of(body) == "json_object", 400, b"response_format is not supported"),
    where(has_system, 400, {"message": "System role not supported"}),
]


def echoed(asked: Asked) -> Reply:
    """An error about one text, which echoes all of the request."""
    entry = {
        "type": "string_pattern_mismatch",
        "loc": ["body", "messages", 13, "content"],
        "msg": "String should match",
    }
    return Reply(422, {"detail": [{**entry, "input": asked.body}], "body": asked.body})


def quoted(asked: Asked) -> Reply:
    """An error in words of which some are the product's."""
    text = "seed tray with temperature control, logprobs and max_tokens printed on it"
    return Reply(400, refusal(f'the content "{text}, thing {asked.number}" was not understood'))


def fleet() -> Any:
    """Every other server behind one address is older, and takes no seed."""

    def answer(asked: Asked) -> Reply:
        if asked.count % 2 and "seed" in asked.body:
            return Reply(400, refusal("Unsupported parameter: 'seed'", param="seed"))
        return right(asked)

    return answer


def thinking(asked: Asked) -> bool:
    return asked.body.get("enable_thinking") is not False and not asked.body.get("stream")


SEVERAL = [
    refuses("openai's reasoning models: several parts", *STRICT[:2], STRICT[3], line="max_completion_tokens"),
    refuses(
        "strict proxy: all parts, one after the other", *STRICT, line=IN_WRITING, seconds=ANSWER_SECONDS, twice=True
    ),
    refuses("strict proxy: all parts in writing", *STRICT, variant=WRITTEN, line="no JSON schema"),
    refuses(
        "slow strict proxy: each refusal takes its time",
        *[(lambda asked, rule=rule: slowly(rule(asked))) for rule in STRICT[:4]],
        line=IN_WRITING,
        seconds=ANSWER_SECONDS,
    ),
    refuses("open webui: bare 400 at a seed", without("seed", 400, b"Bad Request"), line="no seed"),
    refuses("open webui: bare 400 at log-probabilities", without("logprobs", 400, b""), line=IN_WRITING),
    refuses(
        "open webui: bare 400 at two parts",
        where(lambda body: "seed" in body or body.get("temperature") == 0, 400, {"detail": "Bad Request"}),
        line="no seed",
    ),
    refuses(
        "openrouter: nobody takes all parts",
        where(
            lambda body: "logprobs" in body or "seed" in body,
            404,
            {
                "error": {
                    "message": (
                        "No endpoints found that can handle the requested parameters. To learn more about provider "
                        "routing, visit: https://openrouter.ai/docs/provider-routing"
                    ),
                    "code": 404,
                }
            },
        ),
        line=IN_WRITING,
    ),
    hits("fastapi: an error that echoes the request", echoed, "rejected", keeps=EVERYTHING, twice=True),
    hits("an error in the product's words", quoted, "rejected", keeps=EVERYTHING, twice=True),
    hits(
        "a part that is refused to some pairs alone",
        lambda asked: Reply(400, refusal("Unsupported parameter: 'seed'")) if "seed" in asked.body else right(asked),
        mixed=False,
    ),
    Habit("a fleet of two versions", fleet, langchain=False),
    hits("a bare 400 for some pairs", tells(400, b"Bad Request"), "rejected", keeps=EVERYTHING),
]
THINKING = [
    refuses(
        f"{name}: thinking switched off or streamed",
        lambda asked, body=body: Reply(400, body) if thinking(asked) else None,
        variant=variant,
        line="thinking switched off|streamed",
    )
    for name, variant, body in [
        (
            "dashscope",
            GRADED,
            refusal(
                "parameter.enable_thinking must be set to false for non-streaming calls", code="invalid_parameter_error"
            ),
        ),
        (
            "dashscope in writing",
            WRITTEN,
            refusal("parameter.enable_thinking必须设置为false才能进行非流式调用", code="invalid_parameter_error"),
        ),
        ("modelscope", GRADED, refusal("enable thinking can not be support when `stream=False`.")),
    ]
]
STREAMS = [
    refuses(
        f"dashscope: streams alone, {variant}",
        where(
            lambda body: not body.get("stream"),
            400,
            refusal("This model only support stream mode, please enable the stream parameter to access the model."),
        ),
        variant=variant,
        line="streamed",
    )
    for variant in (GRADED, WRITTEN)
]


def slowly(told: Reply | None) -> Reply | None:
    if told is not None:
        told.delay = 0.1
    return told


# a part is taken, and nothing comes of it
IGNORED = [
    Habit(
        f"{name}: log-probabilities are {what}",
        always(
            lambda asked, given=given: Reply(
                body=spoken(asked.body, plain(asked), logprobs=given), delay=ANSWER_SECONDS * (given is None)
            )
        ),
        line=IN_WRITING,
        langchain=what == "null",
        twice=True,
    )
    for name, what, given in [
        ("ollama's cloud", "null", None),
        ("lm studio", "an empty list", {"content": []}),
        ("mlx", "an empty object", {}),
    ]
]


def plain(asked: Asked) -> str:
    """What a model says that was asked for a digit, or for JSON."""
    return asked.grade if "logprobs" in asked.body else json.dumps({"grade": asked.grade})


FORMS = [*LIMITS, *TEMPERATURES, *SEEDS, *FEWER, *NONE, *SCHEMAS, *ROLES, *SEVERAL, *THINKING, *STREAMS, *IGNORED]
