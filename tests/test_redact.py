"""What gives access is taken out of texts, and nothing else is."""

from __future__ import annotations

import shlex
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.files.event_log import event, log_events
from sie_agent.files.manifest import Manifest, command_line
from sie_agent.utils.redact import redacted, redacted_arguments, redacted_command, redacted_setting


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:pa@ss@host/v1", "http://USER:PASSWORD@host/v1"),
        ("see https://token@host:8000.", "see https://USER:PASSWORD@host:8000."),
        ("http://h/v1?api_key=abc&x=1&sig=de", "http://h/v1?api_key=KEY&x=1&sig=KEY"),
        ("h?x-api-key=abc h?access_token=abc", "h?x-api-key=KEY h?access_token=KEY"),
        ("--set judge.api_key=abcd judge", "--set judge.api_key=[key] judge"),
        ("{'api_key': 'abcd12345'}", "{'api_key': '[key]'}"),
        ("Incorrect API key provided: sk-ab*def.", "Incorrect API key provided: [key]"),
        ("Bearer abc, Basic dXNlcjpwYXNzd29yZA==", "[key], [key]"),
        ("hf_abcdefghijklmnop", "[key]"),
    ],
)
def test_secrets_go(text: str, expected: str) -> None:
    assert redacted(text) == expected == redacted(expected)


@pytest.mark.parametrize(
    "text",
    [
        "unknown key; the keys are name, api_key_env",
        "export OPENAI_API_KEY=…",
        "api_key: extra fields not permitted",
        "basic authentication is required",
        "http://host/v1?api-version=2026-01&x=1 of me@example.com",
        "http://host/a@b",
        "max_tokens=100, token: 5",
        "a task-force and a disk-drive",
        "Set HTTP_PROXY=http://USER:PASSWORD@HOST:PORT",
    ],
)
def test_other_texts_stay(text: str) -> None:
    assert redacted(text) == text


def test_options_with_secrets_go() -> None:
    command = "sie x --api-key abc --token=de --token-file f --max-tokens 5 --key-column a"
    assert (
        redacted_command(command) == "sie x --api-key [key] --token=[key] --token-file f --max-tokens 5 --key-column a"
    )


def test_given_secrets_go_wherever_they_are() -> None:
    assert redacted("he said hunter2", ["hunter2", None, ""]) == "he said [key]"


@given(st.text(alphabet=":/@?&=a.-_ key", max_size=60), st.text(alphabet="xyz789", min_size=6, max_size=12))
def test_no_password_of_an_address_is_left(around: str, password: str) -> None:
    assert password not in redacted(f"{around} http://me:{password}@host/v1?q=1&api_key={password}")


@pytest.mark.parametrize("part", ["a.", "://", "?", "a", "_key-", "basic ", "api_key", "&token", "--key "])
def test_long_texts_take_no_longer_than_they_are_long(part: str) -> None:
    started = time.perf_counter()
    redacted_command(part * 20_000 + "=:")
    assert time.perf_counter() - started < 1


def test_settings_of_any_depth() -> None:
    assert redacted_setting({"a": [{"b": ("http://a:b@c", 1, None)}]}) == {
        "a": [{"b": ["http://USER:PASSWORD@c", 1, None]}]
    }


def test_errors_manifests_and_events(tmp_path: Path) -> None:
    url = "http://me:hunter22@host/v1?api_key=hidden99"
    assert str(InputError(f"no {url}", where=url, hint=url)).count("USER:PASSWORD") == 3
    assert "hunter22" not in str(EnvironmentFailure(url))
    manifest = Manifest(f"sie label --base-url {url}", extra={"judges": {"one": [url]}})
    with log_events(tmp_path / "log"):
        event("trouble", endpoint=url)
    manifest.write(tmp_path / "manifest.json")
    for name in ("log", "manifest.json"):
        text = (tmp_path / name).read_text()
        assert "USER:PASSWORD@host" in text and "hunter22" not in text and "hidden99" not in text


def test_arguments_with_spaces_are_redacted_whole() -> None:
    given = [
        "--api-key",
        "one two",
        "--token=a b",
        "--set",
        "x.api_key=abcdefg",
        "--token-file",
        "f",
    ]
    assert redacted_arguments(given) == [
        *("--api-key", "[key]", "--token=[key]", "--set", "x.api_key=[key]"),
        *("--token-file", "f"),
    ]


@pytest.mark.parametrize("program", ["/x/sie_agent/__main__.py", "/usr/bin/sie"])
def test_the_command_is_one_that_a_shell_takes(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = ["label", "--data", "my log.csv", "--map", "it's.yaml", "--api-key", "not this"]
    monkeypatch.setattr("sys.argv", [program, *typed])
    assert shlex.split(command_line()) == ["sie", *typed[:-1], "[key]"]


def test_the_command_of_another_program_keeps_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/home/me/__main__.py", "a b"])
    assert command_line() == "__main__.py 'a b'"
