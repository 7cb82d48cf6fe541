"""What is in the way to a server is one line that says what to do: proxies, names, refusals, certificates."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest

from sie_agent.errors import EnvironmentFailure, SieError
from sie_agent.judging.backends.http.addresses import is_excepted, proxy_of
from sie_agent.judging.backends.http.clients import async_client
from sie_agent.judging.backends.http.enquiries import listed_models
from sie_agent.judging.backends.http.network import explained, hopeless

from .raw_server import FINE, KEY, asked, clear, failure, response, served


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    clear(monkeypatch)


# --- proxies


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def test_a_dead_proxy_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://me:hunter22@127.0.0.1:{port}")
    with served(response()) as server:
        with pytest.raises(EnvironmentFailure) as caught:
            listed_models(server.url, KEY)
        said = str(caught.value)
        assert f"127.0.0.1:{port} of HTTP_PROXY cannot be reached (connection refused)" in said
        assert "add 127.0.0.1 to NO_PROXY" in said and "hunter22" not in said
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        assert asked(server.url) == FINE


def test_a_proxy_that_wants_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    with served(response(b"", "407 Proxy Authentication Required")) as proxy:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{proxy.port}")
        error = failure("https://api.example.com/v1", KEY)
        assert hopeless(error) and KEY not in "".join(proxy.heads)
        said = str(explained(error, "https://api.example.com/v1"))
        assert f"http://127.0.0.1:{proxy.port} of https_proxy wants a user and password" in said
        monkeypatch.setenv("http_proxy", f"http://a:b@127.0.0.1:{proxy.port}")
        with pytest.raises(EnvironmentFailure, match="takes another user and password"):
            listed_models("http://model.example.com/v1", KEY)


def test_a_proxy_that_forbids_and_one_whose_server_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    url = "https://api.example.com/v1"
    for status, is_hopeless in (("403 Forbidden", True), ("502 Bad Gateway", False)):
        with served(response(b"", status)) as proxy:
            monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
            error = failure(url)
            assert hopeless(error) is is_hopeless
            assert f"of ALL_PROXY does not let it through (status {status[:3]})" in str(explained(error, url))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        (
            "socks5://127.0.0.1:9",
            "needs the package 'socksio'. Unset ALL_PROXY, or install what it needs with: pip install 'httpx[socks]'",
        ),
        ("ftp://me:hunter22@127.0.0.1:9", "by http, https or socks5, not by 'ftp'"),
        ("http://127.0.0.1:port", "the proxy's address is not valid"),
        ("http://", "the proxy's address is not valid"),
        ("http://a b", "the proxy's address is not valid"),
        ("http://[::1", "the proxy's address is not valid"),
    ],
)
def test_a_proxy_that_is_none(address: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", address)
    with pytest.raises(EnvironmentFailure) as caught:
        async_client("http://model.example.com/v1", KEY, 1.0)
    assert words in str(caught.value) and "ALL_PROXY" in str(caught.value) and "hunter22" not in str(caught.value)
    # a server that no proxy is for has nothing to do with it
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")
    with served(response()) as server:
        assert asked(server.url) == FINE


@pytest.mark.parametrize(
    ("host", "port", "listed", "expected"),
    [
        ("a.example.com", 80, "example.com", True),
        ("example.com", 80, ".example.com", True),
        ("badexample.com", 80, "example.com", False),
        ("a.com", 80, "*", True),
        ("10.1.2.3", 80, "x, 10.0.0.0/8", True),
        ("11.1.2.3", 80, "10.0.0.0/8", False),
        ("::1", 80, "::1", True),
        ("::1", 80, "[::1]", True),
        ("a.com", 8000, "a.com:8000", True),
        ("a.com", 8001, "a.com:8000", False),
        ("a.com", None, "", False),
    ],
)
def test_hosts_without_proxy(host: str, port: int | None, listed: str, expected: bool) -> None:
    assert is_excepted(host, port, listed) is expected


def test_the_proxy_of_the_scheme_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://all:1")
    monkeypatch.setenv("HTTPS_PROXY", "two:2")
    assert proxy_of("http://a/v1") == ("http://all:1", "ALL_PROXY")
    assert proxy_of("https://a/v1") == ("http://two:2", "HTTPS_PROXY")


# --- no connection


def test_nothing_listens_there() -> None:
    url = f"http://127.0.0.1:{closed_port()}/v1"
    error = failure(url)
    assert "cannot be reached: nothing listens there. Start it" in str(explained(error, url)) and not hopeless(error)
    with pytest.raises(EnvironmentFailure, match="nothing listens there"):
        listed_models(url, KEY)


def test_no_such_host() -> None:
    url = "http://no-such-host.invalid/v1"
    error = failure(url)
    assert "no host is called 'no-such-host.invalid'" in str(explained(error, url)) and not hopeless(error)


def test_no_answer_in_time() -> None:
    with served(lambda connection, head: time.sleep(1)) as server:
        error = failure(server.url, timeout=0.2)
    assert "does not answer in time" in str(explained(error, server.url)) and not hopeless(error)


def test_a_server_that_hangs_up() -> None:
    with served(lambda connection, head: connection.close()) as server:
        error = failure(server.url)
    assert "cuts the connection" in str(explained(error, server.url)) and not hopeless(error)


# --- TLS


@pytest.fixture(scope="module")
def pems(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Certificates of this machine, of another host, and one that has expired, all with one key."""
    folder = tmp_path_factory.mktemp("certificates")

    def run(*parts: str) -> None:
        subprocess.run(["openssl", *parts], cwd=folder, check=True, capture_output=True)

    run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", "key.pem")
    for name, days, of in (
        ("own", "3", "IP:127.0.0.1"),
        ("other", "3", "DNS:elsewhere"),
        ("old", "-1", "IP:127.0.0.1"),
    ):
        (folder / "names.cnf").write_text(f"subjectAltName={of}\nbasicConstraints=critical,CA:TRUE\n")
        run("req", "-new", "-key", "key.pem", "-subj", f"/CN={name}", "-out", "request.pem")
        signed = ("-req", "-in", "request.pem", "-signkey", "key.pem", "-days", days, "-extfile", "names.cnf")
        run("x509", *signed, "-out", f"{name}.pem")
    return folder


def secured(folder: Path, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / f"{name}.pem", folder / "key.pem")
    return context


@pytest.mark.parametrize(
    ("name", "is_trusted", "words"),
    [
        ("own", False, "certificate is not trusted"),
        ("other", True, "certificate is not for '127.0.0.1'"),
        ("old", True, "certificate has expired"),
    ],
)
def test_bad_certificates(name: str, is_trusted: bool, words: str, pems: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(pems / f"{name}.pem"))
    with served(response(), secured(pems, name)) as server:
        url = f"https://127.0.0.1:{server.port}/v1"
        error = failure(url)
        assert words in str(explained(error, url)) and hopeless(error)
        if not is_trusted:
            assert "SSL_CERT_FILE" in str(explained(error, url))
            monkeypatch.setenv("SSL_CERT_FILE", str(pems / f"{name}.pem"))
            assert asked(url, KEY) == FINE


def test_the_wrong_protocol(pems: Path) -> None:
    with served(response()) as plain:
        url = f"https://127.0.0.1:{plain.port}/v1"
        error = failure(url)
        assert "speaks http, not https. Begin the address with http://" in str(explained(error, url)) and hopeless(
            error
        )
    alert = b"\x15\x03\x01\x00\x02\x02\x46"
    with served(alert) as server:
        said = str(explained(failure(server.url), server.url))
    assert "does not speak http. Begin the address with https://, or check its port" in said
    wanted = r"speaks https, not http\. Begin the address with https://"
    words = b"<center>The plain HTTP request was sent to HTTPS port</center>"
    with served(response(words, "400 Bad Request")) as server, pytest.raises(EnvironmentFailure, match=wanted):
        listed_models(server.url, KEY)
    with served(response(), secured(pems, "own")) as server:
        assert "cuts the connection" in str(explained(failure(server.url), server.url))
        with pytest.raises(EnvironmentFailure, match="should it begin with https"):
            listed_models(server.url, KEY)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
@pytest.mark.parametrize("kind", ["absent", "empty"])
def test_certificates_that_are_not_there(
    variable: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = tmp_path / "certificates"
    if kind == "empty":
        named.mkdir() if variable.endswith("DIR") else named.write_text("none")
    monkeypatch.setenv(variable, str(named))
    words = "holds no certificate" if kind == "empty" else "cannot be read"
    with pytest.raises(EnvironmentFailure, match=f"^{variable}: .*{words}.*unset it[.]$"):
        async_client("https://api.example.com/v1", KEY, 1.0)
    # nothing is checked by them where nothing is encrypted
    with served(response()) as server:
        assert asked(server.url) == FINE


def test_whatever_happens_is_an_error_of_ours() -> None:
    assert isinstance(explained(RuntimeError("what\nis this"), "http://a/v1"), EnvironmentFailure)
    assert "\n" not in str(explained(RuntimeError("what\nis this"), "http://[a/v1"))
    looped = ValueError("a")
    looped.__cause__ = looped
    assert isinstance(explained(looped, "http://a/v1"), SieError) and not hopeless(looped)
