"""Serve a model folder with transformers in the protocol of OpenAI, for a machine that has torch and no vLLM.

    python scripts/tools/serve_transformers.py --model FOLDER --name judge --port 8000
    VLLM_BASE_URL=http://127.0.0.1:8000/v1 sie label --variant relevance/graded --backend openai ...

What waits is answered together: the messages before the last question (system text, examples) are computed once and
shared, the rest is one batch. Answers are greedy, with the log-probabilities of the most probable tokens. Requests with
`tools` are put into the chat template, and calls are read out of the answer. What it can't do, it refuses: sampling,
schemas, streams. /stats says how long it computed and how much. For measurements; one process, nothing is authorised.
"""

from __future__ import annotations

import argparse
import json
import re
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from scripts.tools.batched_model import Asked, Batches, Model

MOST_BYTES = 8 << 20
MOST_TOP = 20
CALL = re.compile(r"<tool_call>\s*(\{.*?\})\s*(?:</tool_call>|$)", re.DOTALL)
FENCED = re.compile(r"^\s*(?:```(?:json)?\s*)?(\{.*\})\s*(?:```)?\s*$", re.DOTALL)


class Refused(Exception):
    """A request that is not answered: what is said, and about which part of it."""

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        self.param, self.status = param, status
        super().__init__(message)


def read_request(body: dict[str, Any], model: Model) -> Asked:
    """A request as the model takes it.

    Raises
    ------
    Refused : it has something that is not done here.
    """
    for name in ("response_format", "stop", "stream", "logit_bias"):
        if body.get(name):
            raise Refused(f"{name} is not supported", name)
    if body.get("temperature") not in (None, 0):
        raise Refused("temperature must be 0: answers are the most probable ones", "temperature")
    if body.get("n") not in (None, 1):
        raise Refused("n must be 1", "n")
    messages, tools = body.get("messages"), body.get("tools")
    if not isinstance(messages, list) or not messages or not all(isinstance(one, dict) for one in messages):
        raise Refused("messages must be a list of objects", "messages")
    most = body.get("max_completion_tokens") or body.get("max_tokens") or 256
    top = body.get("top_logprobs") or 1 if body.get("logprobs") else 0
    if not isinstance(most, int) or not 1 <= most <= 4096 or not isinstance(top, int) or not 0 <= top <= MOST_TOP:
        raise Refused(f"max_tokens must be from 1 to 4096, top_logprobs from 0 to {MOST_TOP}")
    try:
        ids, shared = model.prompt([plain(one) for one in messages], tools or None)
    except Exception as error:  # templates raise what they like
        raise Refused(f"the chat template refuses these messages: {error}"[:300], "messages") from error
    if len(ids) + most > model.room:
        raise Refused(f"the maximum context length is {model.room} tokens, {len(ids) + most} were asked", "messages")
    return Asked(ids, shared, most, top)


def plain(message: dict[str, Any]) -> dict[str, Any]:
    """A message as chat templates read it: text for content, objects for the arguments of calls."""
    content = message.get("content")
    if isinstance(content, list):
        content = "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    made = {**message, "content": content or ""}
    if calls := message.get("tool_calls"):
        made["tool_calls"] = [{**one, "function": with_object(one["function"])} for one in calls]
    return made


def with_object(function: dict[str, Any]) -> dict[str, Any]:
    """A call whose arguments are an object, where they are the text of one."""
    try:
        return {**function, "arguments": json.loads(function["arguments"])}
    except (ValueError, TypeError, KeyError):
        return function


def completion(asked: Asked, model: Model, name: str, tools: list[dict[str, Any]] | None) -> dict[str, Any]:
    """The answer in the protocol's form."""
    text = str(model.tokenizer.decode([token for token, _, _ in asked.chosen], skip_special_tokens=True))
    calls = calls_in(text, {one["function"]["name"] for one in tools}) if tools else []
    message: dict[str, Any] = {"role": "assistant", "content": CALL.sub("", text).strip() if calls else text}
    if calls:
        message["tool_calls"] = calls
    reason = "tool_calls" if calls else "stop" if asked.ended else "length"
    choice: dict[str, Any] = {"index": 0, "message": message, "finish_reason": reason, "logprobs": None}
    if asked.top:
        choice["logprobs"] = {
            "content": [
                {**entry(model, token, number), "top_logprobs": [entry(model, *one) for one in others]}
                for token, number, others in asked.chosen
            ]
        }
    said = len(asked.chosen) + asked.ended
    usage = {"prompt_tokens": len(asked.ids), "completion_tokens": said, "total_tokens": len(asked.ids) + said}
    return {
        "id": "served",
        "object": "chat.completion",
        "created": 0,
        "model": name,
        "choices": [choice],
        "usage": usage,
    }


def entry(model: Model, token: int, number: float) -> dict[str, Any]:
    """A token with its log-probability."""
    return {"token": model.word(token), "logprob": number}


def calls_in(text: str, known: set[str]) -> list[dict[str, Any]]:
    """The calls of tools in an answer; models of code at times write the bare object, which counts for a known tool."""
    found = CALL.findall(text)
    bare = FENCED.match(text) if not found else None
    calls = []
    for place, written in enumerate(found or ([bare[1]] if bare else [])):
        try:
            said = json.loads(written)
        except ValueError:
            continue
        if not isinstance(said, dict) or not isinstance(said.get("name"), str) or (bare and said["name"] not in known):
            continue
        function = {"name": said["name"], "arguments": json.dumps(said.get("arguments") or {})}
        calls.append({"id": f"call_{place}", "type": "function", "function": function})
    return calls


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    batches: Batches
    name: str

    def do_GET(self) -> None:
        """The model, health and counts."""
        if self.path == "/v1/models":
            self._send(200, {"object": "list", "data": [{"id": self.name, "object": "model"}]})
        elif self.path in ("/health", "/stats"):
            self._send(200, self.batches.stats)
        else:
            self._send(404, {"error": {"message": "there is no such page"}})

    def do_POST(self) -> None:
        """A chat completion."""
        try:
            self._send(200, self._completion())
        except Refused as refused:
            error = {"message": str(refused), "param": refused.param, "type": "invalid_request_error"}
            self._send(refused.status, {"error": error})

    def _completion(self) -> dict[str, Any]:
        length = int(self.headers.get("Content-Length") or 0)
        if not 0 < length <= MOST_BYTES:
            self.close_connection = True
            raise Refused("the body is missing or too large", status=413)
        try:
            body = json.loads(self.rfile.read(length))
        except ValueError as error:
            raise Refused("the body is not JSON") from error
        if self.path != "/v1/chat/completions":
            raise Refused("there is no such page", status=404)
        if not isinstance(body, dict) or body.get("model") not in (None, self.name):
            raise Refused(f"the model here is {self.name}", "model", 404)
        asked = read_request(body, self.batches.model)
        try:
            self.batches.ask(asked)
        except RuntimeError as error:
            raise Refused(str(error), status=500) from error
        return completion(asked, self.batches.model, self.name, body.get("tools"))

    def _send(self, status: int, said: dict[str, Any]) -> None:
        content = json.dumps(said).encode()
        head = f"HTTP/1.1 {status} said\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        self.wfile.write(head.encode() + content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: requests hold texts of products."""


class Server(ThreadingHTTPServer):
    """A thread for every connection; many may come at once."""

    daemon_threads = True
    request_queue_size = 1024

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone needs no word; anything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def server_of(
    model: Model, name: str, port: int, host: str = "127.0.0.1", most: int = 64, tokens: int = 1 << 16
) -> Server:
    """A server that is ready to serve; its model computes in a thread of its own. Port 0 takes a free one."""
    batches = Batches(model, most, tokens)
    threading.Thread(target=batches.run, daemon=True).start()
    return Server((host, port), type("Bound", (Handler,), {"batches": batches, "name": name}))


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="a Hugging Face folder")
    parser.add_argument("--name", help="what the server calls the model; the folder's name if not given")
    parser.add_argument("--host", default="127.0.0.1", help="reachable from this machine alone if not given")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), help="bfloat16 on cuda, float32 on cpu by default")
    parser.add_argument("--batch", type=int, default=64, help="requests in a batch")
    parser.add_argument("--batch-tokens", type=int, default=1 << 16, help="tokens in a batch, padding included")
    given = parser.parse_args()
    import torch

    device = given.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    model = Model(given.model, device, given.dtype or ("bfloat16" if device == "cuda" else "float32"))
    name = given.name or given.model.resolve().name
    server = server_of(model, name, given.port, given.host, given.batch, given.batch_tokens)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    print(f"Serving {name} on the {device} at http://{given.host}:{server.server_port}/v1", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
