"""What models say: in writing, and by the probabilities of their first token."""

from __future__ import annotations

import json
import math
from typing import Any

from .habit import (
    LETTERS,
    WRITTEN,
    Asked,
    Behaviour,
    Habit,
    always,
    chosen,
    hits,
    message,
    refuses,
    right,
    says,
    text_of,
    turns,
    without,
    written,
)
from .scripted_server import Reply, spoken

# grades that a model considers, and does not give
OTHERS = "".join(f'Maybe {{"rationale": "no", "grade": "{grade}"}}? No. ' for grade in "0123")
FENCED = "```json\n{0}\n```"
LONG = "Let me think about this once more. " * 150
CHANNELS = f"<|channel|>analysis<|message|>{OTHERS}<|end|><|start|>assistant<|channel|>final<|message|>"
SORRY = "I'm sorry, but I can't help with that."


def wrote(name: str, text: Behaviour | Any, **more: Any) -> Habit:
    """Every answer is written like this."""
    return Habit(name, always(says(text)), variant=WRITTEN, twice=True, **more)


def given(name: str, body: Any, **more: Any) -> Habit:
    """Every answer is a response like this, from a function of the request."""
    return Habit(name, always(lambda asked: Reply(body=body(asked))), **{"variant": WRITTEN, "twice": True, **more})


def ill_written(name: str, text: Any, status: str, **more: Any) -> Habit:
    """Some answers are written like this."""
    return hits(name, says(text), status, variant=WRITTEN, twice=True, **more)


def mistral_parts(asked: Asked) -> Any:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": OTHERS}]}
    return message(content=[thought, {"type": "text", "text": written(asked.grade)}])


WRITING = [
    wrote(
        "qwen: thoughts before the answer",
        lambda a: f"<think>\n{OTHERS}\n</think>\n\n{written(a.grade)}",
        langchain=True,
    ),
    wrote(
        "deepseek r1: thoughts without a beginning", lambda a: f"{OTHERS}</think>\n{FENCED.format(written(a.grade))}"
    ),
    wrote("a fenced answer", lambda asked: FENCED.format(written(asked.grade)), detail="It fits", langchain=True),
    wrote(
        "prose before and behind",
        lambda asked: f"Sure! Here it is:\n\n{written(asked.grade)}\n\nI hope that this helps.",
    ),
    wrote(
        "a schema before the answer",
        lambda a: f'{{"properties": {{"grade": {{"type": "string"}}}}}}\n{written(a.grade)}',
    ),
    wrote("an answer within another object", lambda a: f'{{"judgment": {written(a.grade)}, "confidence": 0.9}}'),
    wrote(
        "gpt-oss: channels in the text",
        lambda asked: f"{CHANNELS}{written(asked.grade)}",
    ),
    wrote(
        "numbers instead of texts", lambda asked: written((int(asked.grade), float(asked.grade))[asked.number // 4 % 2])
    ),
    wrote("blanks around the grade", lambda asked: written(f" {asked.grade} ")),
    wrote("no reason", lambda asked: json.dumps({"rationale": None, "grade": asked.grade})),
    wrote("half of a surrogate pair", lambda a: json.dumps({"rationale": "so \ud83d", "grade": a.grade})),
    given(
        "sglang: the answer among the thoughts",
        lambda asked: message(content=None, reasoning_content=f"{OTHERS}{written(asked.grade)}"),
        langchain=False,
    ),
    given(
        "openrouter: the answer among the thoughts", lambda a: message(content="", reasoning=OTHERS + written(a.grade))
    ),
    given(
        "vllm: thoughts kept apart are the reason",
        lambda asked: message(content=json.dumps({"grade": asked.grade}), reasoning_content="Because it fits."),
        detail="Because it fits",
    ),
    given(
        "thoughts kept apart with another grade",
        lambda asked: message(content=written(asked.grade), reasoning_content=OTHERS),
        detail="It fits",
    ),
    given("mistral: content in parts", mistral_parts, detail="It fits"),
    given("half of a surrogate pair in a text", lambda a: message(content=f"\ud83d {written(a.grade)} \udc00")),
    given(
        "arguments of a tool",
        lambda asked: message(
            reason="tool_calls",
            tool_calls=[
                {"id": "c", "type": "function", "function": {"name": "json", "arguments": written(asked.grade)}}
            ],
        ),
        langchain=True,
    ),
    given(
        "arguments of a function, as in 2023",
        lambda asked: message(
            reason="function_call", function_call={"name": "json", "arguments": written(asked.grade)}
        ),
    ),
    given(
        "content as an object", lambda a: message(content={"rationale": "It fits.", "grade": a.grade}), detail="It fits"
    ),
    given(
        "an older format: text",
        lambda a: {"choices": [{"text": written(a.grade), "finish_reason": "stop", "index": 0}]},
    ),
    given("no reason why it ended", lambda asked: message(content=written(asked.grade), reason="")),
    given("together: eos", lambda asked: message(content=written(asked.grade), reason="eos")),
    wrote(
        "qwen: more thoughts than there is room for",
        lambda a: f"<think>{LONG}</think>{written(a.grade)}",
        langchain=True,
    ),
    Habit(
        "openai: more unseen thoughts than there is room for",
        always(lambda asked: Reply(body=spoken(asked.body, written(asked.grade), thoughts=900))),
        variant=WRITTEN,
    ),
    ill_written("cut off behind an earlier object", lambda a: f'{written("0")} No: {{"rationale": "{LONG}', "unparsed"),
    ill_written("a grade twice in one object", lambda a: '{"grade": "0", "grade": "3"}', "unparsed"),
    ill_written(
        "no JSON",
        lambda a: ("{'grade': '2'}", "The grade is 2.", '{"rationale": "x", "grade": 2,}', "[2]")[a.number // 4],
        "unparsed",
    ),
    ill_written(
        "a grade of another kind", lambda a: written((None, True, ["2"], {"of": "2"})[a.number // 4]), "unparsed"
    ),
    ill_written("a grade off the scale", lambda a: written((7, "2 of 3", 10, -1)[a.number // 4]), "out-of-scale"),
    ill_written(
        "numbers of no size",
        lambda a: f'{{"grade": {("1e999", "9" * 100, "NaN", "-Infinity")[a.number // 4]}}}',
        "unparsed",
    ),
    ill_written("nothing but blanks", lambda asked: ("", " ", "\n\n", "\u3000")[asked.number // 4], "empty"),
    ill_written("100,000 brackets", lambda asked: "[" * 100_000, "unparsed", options=("--timeout", "5")),
    ill_written("100,000 braces", lambda asked: '{"a":' * 20_000, "unparsed"),
]


def tokens(*listed: str, **more: Any) -> Behaviour:
    """A graded answer of these tokens, in which ``G`` stands for the right grade."""

    def answer(asked: Asked) -> Reply:
        if not asked.body.get("logprobs"):
            return right(asked)
        said = [asked.grade if token == "G" else token for token in listed]
        return Reply(body=spoken(asked.body, "", tokens=said, **more))

    return answer


def good_tokens(name: str, *listed: str, **more: Any) -> Habit:
    """All answers consist of these tokens, and are right."""
    return Habit(name, always(tokens(*listed)), twice=True, **more)


def bad_tokens(name: str, *texts: str, status: str, **more: Any) -> Habit:
    """Some answers are these texts, which begin like a grade."""
    faults = [lambda asked, text=text: Reply(body=spoken(asked.body, text)) for text in texts]
    return hits(name, turns(*faults), status, twice=True, **more)


def one_token(asked: Asked) -> Reply:
    """A server that cuts graded answers off after one token, whatever limit it is given."""
    limit = {"max_tokens": 1} if asked.body.get("logprobs") else {}
    return Reply(body=spoken({**asked.body, **limit}, text_of(asked)))


def thoughtful(asked: Asked) -> Reply:
    """vLLM with a parser for thoughts: the log-probabilities are those of the thoughts."""
    if not asked.body.get("logprobs"):
        return right(asked)
    completed = spoken(asked.body, "Okay, the shopper wants a thing.")
    choice = completed["choices"][0]
    choice["message"] = {"role": "assistant", "content": None, "reasoning_content": choice["message"]["content"]}
    return Reply(body=completed)


def alternatives(*listed: tuple[object, object]) -> Behaviour:
    """The grade with these alternatives, in which ``G`` stands for it."""

    def answer(asked: Asked) -> Reply:
        named = [(asked.grade if token == "G" else token, number) for token, number in listed]
        return Reply(body=chosen(asked, asked.grade, named))

    return answer


def older_format(asked: Asked) -> Reply:
    found = {"tokens": [asked.grade], "token_logprobs": [-0.03], "top_logprobs": [{asked.grade: -0.03, "x": -3.6}]}
    return Reply(body=spoken(asked.body, text_of(asked), logprobs=found if asked.body.get("logprobs") else None))


LIKELY = math.log(0.97)
GRADING = [
    bad_tokens("another number", "10", "3.5", "23", "1/3", status="out-of-scale", langchain=True),
    bad_tokens("a grade with more behind it", "2 or 3", "1-2", "0, no: 3", "2x", status="out-of-scale"),
    bad_tokens("words instead of a grade", "Grade: 2", "**2**", "The answer is 2", "two", status="out-of-scale"),
    bad_tokens(
        "words that begin like a letter",
        "Exactly",
        "Some of it",
        "Completely",
        "It depends",
        status="out-of-scale",
        variant=LETTERS,
    ),
    bad_tokens(
        "excuses under a scale of letters",
        SORRY,
        "I cannot rate this.",
        "I'm unable to",
        "I can't say",
        status="refused",
        variant=LETTERS,
        langchain=True,
    ),
    bad_tokens(
        "excuses under a scale of digits", SORRY, "I cannot rate this.", "Sorry, no.", "I won't.", status="refused"
    ),
    hits("nothing at all", tokens(), "empty", twice=True),
    good_tokens("letters", "G", variant=LETTERS),
    good_tokens("a blank before the grade, in its token", "\u2581G".replace("G", ""), "G"),
    good_tokens("a blank token before the grade", " ", "G", langchain=True),
    good_tokens("a line end before the grade", "\n", "G"),
    good_tokens("a full stop behind the grade", "G", "."),
    good_tokens("a reason in the next line", "G", "\n\n", "Ex", "pla", "nation", langchain=True),
    good_tokens("fireworks: the token of the end is listed", "G", "<|eot_id|>"),
    good_tokens("llama: the end as a text", "G", "</s>"),
    Habit(
        "qwen: a graded answer begins with thoughts",
        always(tokens("<think>", "\n", "Okay", ",", " so")),
        line="in writing",
        langchain=True,
    ),
    Habit("one token, whatever is asked for", always(one_token), line="in writing", langchain=True),
    Habit("vllm: log-probabilities of thoughts kept apart", always(thoughtful), line="in writing"),
    Habit(
        "openrouter: unseen thoughts take all the room",
        always(
            lambda asked: Reply(
                body=spoken(
                    asked.body, text_of(asked), thoughts=300, **({"logprobs": None} if "logprobs" in asked.body else {})
                )
            )
        ),
        line="in writing",
    ),
    Habit("together of 2024: an older format", always(older_format)),
    Habit(
        "ollama: no alternatives",
        always(lambda asked: Reply(body=chosen(asked, text_of(asked), ()))),
        line="in writing",
        langchain=True,
    ),
    *[
        Habit(f"{name}: very unlikely alternatives", always(alternatives(("G", LIKELY), ("x", least), ("y", least))))
        for name, least in [
            ("vllm", -9999.0),
            ("llama.cpp", -3.4028234663852886e38),
            ("python", -math.inf),
            ("old", -100.0),
        ]
    ],
    Habit("rounding: a log-probability just above 0", always(alternatives(("G", 1e-7), ("x", -20.0)))),
    Habit("greedy: a single alternative", always(alternatives(("G", 0.0)))),
    Habit("bytes: a token is listed twice", always(alternatives(("G", LIKELY), ("\ufffd", -5.0), ("\ufffd", -5.1)))),
    Habit("half of a surrogate pair among the alternatives", always(alternatives(("G", LIKELY), ("\ud83d", -5.0)))),
    hits(
        "log-probabilities that are none",
        turns(
            alternatives(("G", math.nan)),
            alternatives(("G", math.inf)),
            alternatives(("G", 0.97), ("x", 0.03)),
            alternatives(("G", -0.03), ("x", None)),
        ),
        "bad-logprobs",
        twice=True,
    ),
    hits(
        "a log-probability of 400 digits",
        turns(alternatives(("G", int("-" + "9" * 400))), alternatives(("G", int("9" * 400)))),
        "bad-logprobs",
    ),
    hits(
        "log-probabilities as texts", turns(alternatives(("G", "-0.03")), alternatives((None, -0.03))), "bad-logprobs"
    ),
    hits("probabilities that are too many", alternatives(("G", -0.03), ("x", -0.03)), "bad-logprobs"),
    hits(
        "vllm: numbers of tokens instead of their texts",
        lambda asked: Reply(body=chosen(asked, asked.grade, [("token_id:17", LIKELY), ("token_id:18", -4.0)])),
        "out-of-scale",
    ),
    refuses(
        "gpt-5: no log-probabilities, and unseen thoughts",
        without(
            "logprobs", 400, {"error": {"message": "logprobs is not supported with this model", "param": "logprobs"}}
        ),
        answer=lambda asked: Reply(body=spoken(asked.body, text_of(asked), thoughts=700)),
        line="in writing",
    ),
]
ANSWERS = [*WRITING, *GRADING]
