"""Who may ask: every route with every method, and where the token may come from."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import httpx
import pytest

from sie_agent.cli import main
from sie_agent.errors import InputError
from sie_agent.serving.settings import read_token

from .conftest import TOKEN, Service, Start

pytestmark = pytest.mark.slow

PATHS = ("/v1/score", "/v1/scorer", "/v1/reload", "/v1/adjustment", "/v1/nothing", "/v1", "/metrics", "/openapi.json")
ODD = ("//v1/scorer", "/V1/scorer", "/v1/../v1/scorer", "/v1/scorer/", "/%76%31/scorer", "/healthz/../v1/scorer", "/")
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND")
WRONG = (
    {},
    {"authorization": f"Bearer {TOKEN}x"},
    {"authorization": f"Bearer {TOKEN[:-1]}"},
    {"authorization": "Bearer"},
    {"authorization": f"Basic {TOKEN}"},
    {"authorization": TOKEN},
    {"x-token": TOKEN},
)
RIGHT = {"authorization": f"Bearer {TOKEN}"}


@pytest.mark.parametrize("path", PATHS + ODD)
def test_nothing_is_said_without_the_token(guarded_service: Service, path: str) -> None:
    with guarded_service.client() as client:
        for method in METHODS:
            for headers in WRONG:
                body = b"{not json" if method == "POST" else None
                reply = client.request(method, path, headers=headers, content=body)
                assert reply.status_code == 401, (method, headers)
                assert reply.headers["www-authenticate"] == "Bearer"
                if method != "HEAD":
                    assert reply.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/scorer", 200),
        ("POST", "/v1/reload", 200),
        ("GET", "/metrics", 200),
        ("GET", "/openapi.json", 200),
        ("POST", "/v1/score", 415),
        ("GET", "/v1/score", 405),
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/adjustment", 200),
    ],
)
def test_the_token_opens(guarded_service: Service, method: str, path: str, status: int) -> None:
    with guarded_service.client() as client:
        for headers in (RIGHT, {"authorization": f"bearer  {TOKEN}"}):
            assert client.request(method, path, headers=headers).status_code == status


def test_probes_need_none(guarded_service: Service) -> None:
    with guarded_service.client() as client:
        assert client.get("/healthz").json() == {"status": "alive"}
        assert client.get("/readyz").json() == {"status": "ready"}


def test_probes_may_be_asked_for_the_head_alone(guarded_service: Service, odd: Start) -> None:
    with guarded_service.client() as client:
        for path in ("/healthz", "/readyz"):
            reply = client.head(path)
            assert reply.status_code == 200 and reply.content == b""
    stopping = odd(drain=5.0)
    with stopping.client() as client:
        stopping.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + 4
        while (reply := client.head("/readyz")).status_code == 200 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert reply.status_code == 503 and reply.content == b""
        assert client.head("/healthz").status_code == 200


def test_two_tokens_are_none(guarded_service: Service) -> None:
    headers = [("authorization", f"Bearer {TOKEN}"), ("authorization", "Bearer other")]
    with guarded_service.client() as client:
        assert client.get("/v1/scorer", headers=headers).status_code == 401


def test_metrics_may_be_open(launch: Start, scorer_folder: Path) -> None:
    with launch(scorer_folder, "--open-metrics", token=TOKEN).client() as client:
        assert client.get("/metrics").status_code == 200
        assert client.get("/v1/scorer").status_code == 401
        described = client.get("/openapi.json", headers=RIGHT).json()["paths"]
        assert "security" not in described["/metrics"]["get"]
        assert described["/v1/scorer"]["get"]["security"]


def test_without_a_token_everything_is_open(client: httpx.Client) -> None:
    assert client.get("/v1/scorer").status_code == 200
    assert "securitySchemes" not in client.get("/openapi.json").json()["components"]


@pytest.mark.parametrize(
    ("headers", "field"),
    [
        ({"origin": "https://elsewhere.example"}, "origin"),
        ({"origin": "null"}, "origin"),
        ({"origin": "http://localhost:1"}, "origin"),
        ({"host": "elsewhere.example"}, "host"),
        ({"host": "elsewhere.example", "origin": "http://elsewhere.example"}, "host"),
        ({"host": "localhost.elsewhere.example"}, "host"),
        ({"host": "127.0.0.1.elsewhere.example:80"}, "host"),
        ({"host": ""}, "host"),
    ],
)
def test_without_a_token_no_page_of_another_site_is_answered(
    client: httpx.Client, headers: dict[str, str], field: str
) -> None:
    for method, path in (("POST", "/v1/score"), ("POST", "/v1/reload"), ("GET", "/metrics"), ("OPTIONS", "/v1/score")):
        reply = client.request(method, path, headers=headers)
        assert reply.status_code == 403, (method, path)
        assert reply.json()["error"]["code"] == "forbidden" and reply.json()["error"]["field"] == field
    assert client.get("/healthz", headers=headers).status_code == 200


def test_without_a_token_this_machines_own_names_are_answered(client: httpx.Client) -> None:
    port = client.base_url.port
    for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "LOCALHOST", "127.0.0.1"):
        for headers in ({"host": name}, {"host": name, "origin": f"http://{name}"}):
            assert client.get("/v1/scorer", headers=headers).status_code == 200, headers


def test_with_a_token_any_name_and_page_will_do(guarded_service: Service) -> None:
    with guarded_service.client() as client:
        for headers in ({"host": "scores.example"}, {"origin": "https://elsewhere.example"}):
            assert client.get("/v1/scorer", headers={**RIGHT, **headers}).status_code == 200


def test_a_service_for_other_machines_has_any_name(launch: Start, scorer_folder: Path) -> None:
    service = launch(scorer_folder, "--host", "0.0.0.0", "--no-token")
    with httpx.Client(base_url=service.address.replace("0.0.0.0", "127.0.0.1"), trust_env=False) as client:
        own = {"host": "scores.example", "origin": "https://scores.example"}
        assert client.get("/v1/scorer", headers=own).status_code == 200
        other = {"host": "scores.example", "origin": "https://elsewhere.example"}
        assert client.get("/v1/scorer", headers=other).status_code == 403


def test_a_token_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIE_SERVE_TOKEN", "of-the-environment-0123")
    file = tmp_path / "token"
    file.write_text("of-the-file-0123456789\n")
    assert read_token(file, host="127.0.0.1") == "of-the-file-0123456789"
    assert read_token(None, host="127.0.0.1") == "of-the-environment-0123"
    assert read_token(None, host="127.0.0.1", none_wanted=True) is None


@pytest.mark.parametrize("given", ["", "  \n", "short", "two words of some length", "tökén-0123456789-0123"])
def test_what_is_no_token_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    file = tmp_path / "token"
    file.write_text(given, encoding="utf-8")
    with pytest.raises(InputError, match="openssl rand"):
        read_token(file, host="127.0.0.1")
    monkeypatch.setenv("SIE_SERVE_TOKEN", given)
    with pytest.raises(InputError, match="SIE_SERVE_TOKEN"):
        read_token(None, host="127.0.0.1")


def test_a_token_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such token file"):
        read_token(tmp_path / "none", host="127.0.0.1")
    with pytest.raises(InputError, match="is a folder; expected a file with a token"):
        read_token(tmp_path, host="127.0.0.1")


def test_other_machines_need_a_token_or_a_word(
    scorer_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("SIE_SERVE_TOKEN", raising=False)
    assert read_token(None, host="127.0.0.1") is None
    assert read_token(None, host="0.0.0.0", none_wanted=True) is None
    assert main(["serve", "--scorer", str(scorer_folder), "--host", "0.0.0.0", "--port", "0"]) == 2
    assert "--no-token" in capsys.readouterr().err


def test_the_token_has_no_option_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["serve", "--scorer", "x", "--token", TOKEN]) == 2
    assert main(["serve", "--help"]) == 0
    assert "--token " not in capsys.readouterr().out
