"""Servers that fail, refuse or are in need of money: in the words of real ones, with the status that they send."""

from __future__ import annotations

import json
from typing import Any

from .habit import (
    WRITTEN,
    Asked,
    Behaviour,
    Habit,
    always,
    hits,
    message,
    passes,
    refusal,
    right,
    tells,
    turns,
)
from .scripted_server import Reply, spoken

QUOTA = "You exceeded your current quota, please check your plan and billing details."
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><center>nginx</center></body></html>"


def lost(name: str, status: int, body: Any, line: str, second: bool = False) -> list[Habit]:
    """A server that takes no request at all: alone, or with another one behind it as well."""
    told = always(tells(status, body))
    alone = Habit(f"{name}, alone", told, graded=0, code=1, line=line)
    return [alone, Habit(f"{name}, with another behind it", told, second=True, model=("n",))] if second else [alone]


LOST = [
    *lost(
        "openrouter: 402",
        402,
        {
            "error": {
                "message": "Insufficient credits. Add more using https://openrouter.ai/settings/credits",
                "code": 402,
            }
        },
        "Insufficient credits",
        second=True,
    ),
    *lost(
        "openai: 429 for want of money",
        429,
        {"error": {"message": QUOTA, "type": "insufficient_quota", "param": None, "code": "insufficient_quota"}},
        "exceeded your current quota",
        second=True,
    ),
    *lost("reseller: 403 for want of credit", 403, {"error": "no credit"}, "no credit"),
    *lost(
        "openai: a billing limit, by 400",
        400,
        refusal(
            "Billing hard limit has been reached", type="billing_limit_user_error", code="billing_hard_limit_reached"
        ),
        "Billing hard limit",
    ),
    *lost(
        "deepseek: 402",
        402,
        {"error": {"message": "Insufficient Balance", "type": "unknown_error", "code": "invalid_request_error"}},
        "Insufficient Balance",
    ),
    *lost(
        "dashscope: arrears, by 400",
        400,
        {
            "error": {
                "code": "Arrearage",
                "message": "Access denied, please make sure your account is in good standing.",
            }
        },
        "good standing",
    ),
    *lost(
        "anthropic: credit balance, by 400",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.",
            },
        },
        "credit balance is too low",
        second=True,
    ),
    *lost(
        "openai: 401",
        401,
        refusal("Incorrect API key provided: sk-xx.", code="invalid_api_key"),
        "OPENAI_API_KEY",
        second=True,
    ),
    *lost(
        "gemini: a bad key, by 400",
        400,
        [
            {
                "error": {
                    "code": 400,
                    "message": "API key not valid. Please pass a valid API key.",
                    "status": "INVALID_ARGUMENT",
                    "details": [{"reason": "API_KEY_INVALID"}],
                }
            }
        ],
        "API key",
    ),
    *lost("gateway: 403", 403, {"message": "Forbidden"}, "API key|Forbidden"),
    *lost(
        "vllm: no such model",
        404,
        {"object": "error", "message": "The model `m` does not exist.", "type": "NotFoundError", "code": 404},
        "no model 'm'",
    ),
    *lost(
        "ollama: no such model",
        404,
        {"error": {"message": 'model "m" not found, try pulling it first'}},
        "no model 'm'",
    ),
    *lost(
        "openrouter: no such model, by 400",
        400,
        {"error": {"message": "m is not a valid model ID", "code": 400}},
        "model",
    ),
    *lost(
        "azure: no such deployment",
        404,
        {"error": {"code": "DeploymentNotFound", "message": "The API deployment for this resource does not exist."}},
        "model",
    ),
    *lost("a server without this path", 404, b"404 page not found", "path"),
]
LONG = [
    hits("texts too long, by 400", fault, "too-long", twice=True, langchain=True)
    for fault in [
        turns(
            tells(
                400,
                refusal(
                    "This model's maximum context length is 4096 tokens. However, you requested 4396 tokens (4392 in "
                    "the messages, 4 in the completion). Please reduce the length of the messages or completion.",
                    param="messages",
                    code="context_length_exceeded",
                ),
            ),
            tells(
                400,
                refusal(
                    "'max_tokens' or 'max_completion_tokens' is too large: 4. This model's maximum context length is "
                    "2048 tokens and your request has 2050 input tokens",
                    type="BadRequestError",
                    code=400,
                ),
            ),
            tells(
                400,
                {
                    "error": {
                        "code": 400,
                        "message": "the request exceeds the available context size. try increasing the context size",
                        "type": "exceed_context_size_error",
                        "n_prompt_tokens": 5000,
                        "n_ctx": 4096,
                    }
                },
            ),
            tells(
                400,
                {
                    "object": "error",
                    "message": (
                        "Prompt contains 40000 tokens and 0 draft tokens, too large for model with 32768 maximum "
                        "context length"
                    ),
                    "type": "invalid_request_prompt",
                    "param": None,
                    "code": "3051",
                },
            ),
        )
    ]
]
LONG += [
    hits(
        "texts too long, by other statuses",
        turns(
            tells(413, b"<html><head><title>413 Request Entity Too Large</title></head></html>"),
            tells(
                422,
                {
                    "error": "Input validation error: `inputs` tokens + `max_new_tokens` must be <= 2048. Given: 2100 "
                    "`inputs` tokens and 4 `max_new_tokens`",
                    "error_type": "validation",
                },
            ),
            tells(
                429,
                refusal(
                    "Request too large for gpt-4o in organization org-1 on tokens per min (TPM): Limit 30000, "
                    "Requested 60000. The input or output tokens must be reduced in order to run successfully.",
                    type="tokens",
                    code="rate_limit_exceeded",
                ),
            ),
            tells(
                413,
                refusal(
                    "Request too large for model `m` in organization `o` on tokens per minute (TPM): Limit 6000, "
                    "Requested 7000, please reduce your message size and try again. Need more tokens? Upgrade to Dev "
                    "Tier today at https://console.groq.com/settings/billing",
                    type="tokens",
                    code="rate_limit_exceeded",
                ),
            ),
        ),
        "too-long",
        twice=True,
    ),
    hits(
        "texts too long, by gateways",
        turns(
            tells(
                400,
                refusal(
                    "litellm.ContextWindowExceededError: litellm.BadRequestError: OpenAIException - prompt is too "
                    "long: 210000 tokens > 200000 maximum",
                    code="400",
                ),
            ),
            tells(400, {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}),
            tells(422, refusal("input is longer than the model takes", code="context_length_exceeded")),
            tells(
                400,
                {"error": {"code": "InvalidParameter", "message": "Range of input length should be [1, 6000]"}},
            ),
        ),
        "too-long",
    ),
]
FILTERED = [
    hits(
        "texts that a filter dislikes",
        turns(
            tells(
                400,
                refusal(
                    "The response was filtered due to the prompt triggering Azure OpenAI's content management policy. "
                    "Please modify your prompt and retry.",
                    code="content_filter",
                    status=400,
                    innererror={"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}},
                ),
            ),
            tells(
                400,
                {
                    "error": {
                        "code": "data_inspection_failed",
                        "param": None,
                        "message": "Input data may contain inappropriate content.",
                        "type": "data_inspection_failed",
                    },
                    "request_id": "r",
                },
            ),
            tells(
                400,
                refusal(
                    "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try "
                    "again with a different prompt: https://platform.openai.com/docs/guides/reasoning",
                    code="invalid_prompt",
                ),
            ),
            tells(
                403,
                {
                    "error": {
                        "message": 'm requires moderation on P. Your input was flagged for "violence"',
                        "code": 403,
                        "metadata": {"reasons": ["violence"], "flagged_input": "thing", "provider_name": "P"},
                    }
                },
            ),
        ),
        "refused",
        twice=True,
        langchain=True,
    ),
    hits(
        "answers that a filter stops",
        turns(
            lambda asked: Reply(body=message(content="", reason="content_filter")),
            lambda asked: Reply(body=message(reason="SAFETY")),
            lambda asked: Reply(body=message(refusal="I'm sorry, I can't rate this.")),
            lambda asked: Reply(body=message(reason="PROHIBITED_CONTENT", content=None)),
        ),
        "refused",
        twice=True,
    ),
    hits(
        "a firewall that dislikes some texts",
        turns(
            tells(403, b"<html><head><title>403 Forbidden</title></head><body>Request blocked</body></html>"),
            tells(403, {"message": "Forbidden"}),
            tells(401, b"Unauthorized"),
            tells(404, b"not found"),
        ),
        "rejected",
        keeps=("seed",),
    ),
]
PAYMENT = (
    "Rate limit reached for m in organization org-1 on requests per min. Limit: 3 / min. Please try again in 20s. "
    "Contact us through our help center at help.openai.com if you continue to have issues. Please add a payment "
    "method to your account to increase your rate limit. Visit https://platform.openai.com/account/billing to add a "
    "payment method."
)
UPGRADE = (
    "Rate limit reached for model `m` in organization `o` service tier `on_demand` on tokens per minute (TPM): Limit "
    "6000, Used 5800, Requested 300. Please try again in 1s. Need more tokens? Upgrade to Dev Tier today at "
    "https://console.groq.com/settings/billing"
)
GEMINI_RATE = {
    "error": {
        "code": 429,
        "message": (
            f"{QUOTA} For more information on this error, head to: https://ai.google.dev/gemini-api/docs/rate-limits. "
            "\n* Quota exceeded for metric: generativelanguage.googleapis.com/generate_content_free_tier_requests, "
            "limit: 10\nPlease retry in 0.1s."
        ),
        "status": "RESOURCE_EXHAUSTED",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "0.1s"}],
    }
}


def at_start(name: str, fault: Behaviour, **more: Any) -> Habit:
    """The first six requests meet *fault*, all others are answered; no form may be changed because of it."""
    behave = always(lambda asked: fault(asked) if asked.count <= 6 else right(asked))
    return Habit(name, behave, keeps=("seed", "logprobs", "temperature"), **{"fault": fault, **more})


def rate(name: str, status: int, body: Any, **headers: str) -> Habit:
    """A server that wants a pause at first."""
    return at_start(f"{name}: slower, please", tells(status, body, **headers))


RATES = [
    rate(
        "openai",
        429,
        refusal("Rate limit reached for requests", type="requests", code="rate_limit_exceeded"),
        Retry_After="0",
    ),
    rate("openai's free tier", 429, refusal(PAYMENT, type="requests", code="rate_limit_exceeded"), Retry_After="0"),
    rate("groq", 429, refusal(UPGRADE, type="tokens", code="rate_limit_exceeded"), Retry_After="0"),
    rate("gemini", 429, [GEMINI_RATE]),
    rate("gemini behind a proxy", 429, refusal(json.dumps(GEMINI_RATE), code=429, status="Too Many Requests")),
    rate("azure", 503, refusal("The server is currently busy", code="503"), Retry_After="0", retry_after_ms="20"),
    rate(
        "dashscope, by 400",
        400,
        refusal("Requests rate limit exceeded, please try again later.", code="rate_limit_exceeded"),
    ),
    rate("gateway, by 403", 403, {"error": {"type": "rate_limit_exceeded", "message": "Too many requests"}}),
    rate("tgi", 429, {"error": "Model is overloaded", "error_type": "overloaded"}),
    rate("anthropic, by 529", 529, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}),
    rate("minimax, by 200", 200, {"choices": None, "base_resp": {"status_code": 1002, "status_msg": "rate limit"}}),
]
PASSING_STATUSES = {
    500: b"Internal Server Error",
    502: HTML,
    503: b"<html>Service Unavailable</html>",
    504: b"upstream request timeout",
    520: b"error code: 520",
    408: b"",
    409: {"error": "conflict"},
    425: b"Too Early",
    424: {"error": "Request failed during generation: Server error", "error_type": "generation"},
    499: {"error": {"message": "Client closed", "code": 499}},
}
BROKE_OFF = {"error": {"code": 502, "message": "Provider disconnected"}, "finish_reason": "error", "index": 0}
UPSTREAM = {"error": {"message": "Upstream error from P: Internal server error", "code": 502}, "user_id": "u"}


PASSING = [
    passes("gateways: passing trouble", turns(*[tells(status, body) for status, body in PASSING_STATUSES.items()])),
    at_start(
        "llama.cpp: the model is being loaded", tells(503, refusal("Loading model", type="unavailable_error", code=503))
    ),
    at_start(
        "ollama: still loading, by 400",
        tells(400, {"error": "the model is still loading, try again later"}),
        mixed=False,
    ),
    at_start("openrouter: an error in an answer with 200", lambda asked: Reply(body=UPSTREAM)),
    at_start(
        "openrouter: an answer that broke off", lambda asked: Reply(body={"choices": [{**BROKE_OFF, "message": {}}]})
    ),
    at_start(
        "deepseek: out of resources",
        lambda asked: Reply(body=spoken(asked.body, "", finish_reason="insufficient_system_resource")),
    ),
    at_start("vllm: aborted", lambda asked: Reply(body=spoken(asked.body, "", finish_reason="abort"))),
    at_start(
        "tgi: an error in a stream with 200",
        lambda asked: Reply(
            body=b'data: {"error":{"message":"Request failed during generation","type":"generation","code":500}}\n\n',
            headers={"Content-Type": "text/event-stream"},
        ),
    ),
    hits(
        "sglang: no number in JSON, by 500",
        tells(500, b"Out of range float values are not JSON compliant"),
        "server-error",
    ),
    hits(
        "a server that always breaks off at some texts",
        lambda asked: Reply(body=UPSTREAM),
        "server-error",
        keeps=("seed",),
    ),
    hits(
        "groq: JSON that could not be made",
        tells(
            400,
            refusal(
                "Failed to generate JSON. Please adjust your prompt. See 'failed_generation' for more details.",
                code="json_validate_failed",
                failed_generation="",
            ),
        ),
        "rejected",
        variant=WRITTEN,
        keeps=("response_format", "seed"),
    ),
    hits("always too many requests for some texts", tells(429, b"", Retry_After="0"), "rate-limited"),
]


def routed(asked: Asked) -> Reply:
    return Reply(body={**spoken(asked.body, asked.grade), "model": f"m-{asked.number % 3}"})


NAMES = [
    Habit(
        "azure: the model's full name",
        always(lambda asked: Reply(body={**spoken(asked.body, asked.grade), "model": "m-2026-11-01"})),
        line="answered by 'm-2026-11-01'",
        model=("m-2026-11-01",),
        langchain=True,
        twice=True,
    ),
    Habit(
        "openrouter: one of three models",
        always(routed),
        line="answered by 'm-0'",
        model=("m-0", "m-1", "m-2"),
        twice=True,
    ),
    hits("odd names of models", lambda asked: Reply(body={**spoken(asked.body, asked.grade), "model": ["m"]})),
    hits("an empty name of a model", lambda asked: Reply(body={**spoken(asked.body, asked.grade), "model": ""})),
]
ERRORS = [*LOST, *LONG, *FILTERED, *RATES, *PASSING, *NAMES]
