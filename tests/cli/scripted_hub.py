"""A small Hugging Face Hub over real HTTP: the requests that ``huggingface_hub`` and ``datasets`` make of it."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_scripted"
OWNER = "owner"
LARGE = 5_000
WHEN = "2026-01-01T00:00:00.000Z"


@dataclass
class Repository:
    """Branches name commits, commits hold files."""

    private: bool
    branches: dict[str, str] = field(default_factory=dict)
    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def commit(self, branch: str, files: dict[str, bytes]) -> str:
        """Make a commit; its name is a hash of its files and place."""
        told = f"{branch}{len(self.commits)}{sorted((path, oid_of(path, body)) for path, body in files.items())}"
        name = hashlib.sha1(told.encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name

    def find(self, revision: str) -> str | None:
        """The commit that a branch or a commit's own name stands for."""
        return self.branches.get(revision, revision if revision in self.commits else None)


@dataclass
class Fault:
    """Answer requests whose method and path match with *status*, so many times."""

    pattern: str
    status: int
    times: int = 1_000
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error": "scripted fault"}'


@dataclass
class Hub:
    """What the Hub holds, and what it was asked."""

    url: str = ""
    repositories: dict[str, Repository] = field(default_factory=dict)
    stored: dict[str, bytes] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    agents: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    def files(self, name: str, branch: str = "main") -> dict[str, bytes]:
        """The files at the head of a branch, by path; *name* with its prefix: ``models/owner/name``."""
        repository = self.repositories[name]
        return repository.commits[repository.branches[branch]]

    def count(self, pattern: str) -> int:
        """How many requests matched."""
        return sum(bool(re.search(pattern, line)) for line in self.asked)


def is_large(path: str, body: bytes) -> bool:
    """Whether the Hub keeps a file in large file storage."""
    return path.endswith((".parquet", ".npz", ".onnx")) or len(body) > LARGE


def oid_of(path: str, body: bytes) -> str:
    """The id that the Hub gives a file: SHA-256 where it is large, else that of a git blob."""
    if is_large(path, body):
        return hashlib.sha256(body).hexdigest()
    return hashlib.sha1(b"blob %d\0" % len(body) + body).hexdigest()


class Refused(Exception):
    """An answer with a status that is not a success."""

    def __init__(self, status: int, headers: dict[str, str] | None = None, body: Any = None) -> None:
        super().__init__(status)
        self.status, self.headers, self.body = status, headers or {}, body if body is not None else {"error": "no"}


class Handler(BaseHTTPRequestHandler):
    """Routes by method and path."""

    protocol_version = "HTTP/1.1"
    hub: Hub

    def log_message(self, format: str, *args: object) -> None:
        return None

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        line = f"{self.command} {unquote(parts.path)}"
        self.hub.asked.append(line)
        self.hub.agents.add(self.headers.get("User-Agent") or "")
        try:
            for fault in self.hub.faults:
                if fault.times and re.search(fault.pattern, line):
                    fault.times -= 1
                    self.reply(fault.status, fault.body, fault.headers)
                    return
            for pattern, route in ROUTES:
                if found := re.fullmatch(pattern, line):
                    self.reply(*route(self, found.groupdict(), body, parse_qs(parts.query)))
                    return
            self.hub.unknown.append(line)
            raise Refused(404, {"X-Error-Code": "EntryNotFound"})
        except Refused as refused:
            self.reply(refused.status, refused.body, refused.headers)

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def reply(self, status: int, body: Any, headers: dict[str, str] | None = None) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        given = {"Content-Type": "application/json", "Content-Length": str(len(raw)), **(headers or {})}
        for name, value in given.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(raw)

    @property
    def known(self) -> bool:
        return self.headers.get("Authorization") == f"Bearer {TOKEN}"

    def writer(self, owner: str) -> None:
        if not self.known:
            raise Refused(401, {"X-Error-Message": "Invalid username or password."})
        if owner != OWNER:
            raise Refused(403, {"X-Error-Message": f"You may not write to {owner}."})

    def repository(self, kind: str, name: str) -> Repository:
        found = self.hub.repositories.get(f"{kind}/{name}")
        if found is None or (found.private and not self.known):
            raise Refused(404 if self.known else 401, {"X-Error-Code": "RepoNotFound"})
        return found

    def head(self, kind: str, name: str, revision: str | None) -> tuple[str, dict[str, bytes]]:
        repository = self.repository(kind, name)
        commit = repository.find(revision or "main")
        if commit is None:
            raise Refused(404, {"X-Error-Code": "RevisionNotFound"})
        return commit, repository.commits[commit]


Route = Callable[[Handler, dict[str, str], bytes, dict[str, list[str]]], tuple[Any, ...]]


def create(handler: Handler, _: dict[str, str], body: bytes, __: Any) -> tuple[Any, ...]:
    """Make a repository."""
    wanted = json.loads(body)
    owner = wanted["organization"] or OWNER
    handler.writer(owner)
    kind = f"{wanted.get('type') or 'model'}s"
    name = f"{owner}/{wanted['name']}"
    url = f"{handler.hub.url}/{'' if kind == 'models' else f'{kind}/'}{name}"
    if f"{kind}/{name}" in handler.hub.repositories:
        return 409, {"url": url, "error": "You already created this repository"}
    made = Repository(wanted.get("visibility") == "private" or wanted.get("private") is True)
    made.commit("main", {".gitattributes": b"*.parquet filter=lfs diff=lfs merge=lfs -text\n"})
    handler.hub.repositories[f"{kind}/{name}"] = made
    return 200, {"url": url, "name": name}


def check_card(handler: Handler, _: dict[str, str], body: bytes, __: Any) -> tuple[Any, ...]:
    """Look at the front matter, as the Hub does before a commit."""
    import yaml

    content = json.loads(body)["content"]
    metadata = yaml.safe_load(content.split("---")[1])
    if " " in str(metadata.get("license", "")):
        return 400, {"errors": [{"message": '"license" must be one of the known identifiers'}], "warnings": []}
    return 200, {"errors": [], "warnings": []}


def branch(handler: Handler, at: dict[str, str], _: bytes, __: Any) -> tuple[Any, ...]:
    """Make a branch at the head of main."""
    handler.writer(at["name"].split("/")[0])
    repository = handler.repository(at["kind"], at["name"])
    if at["branch"] in repository.branches:
        return 409, {"error": "Reference already exists"}
    repository.branches[at["branch"]] = repository.branches["main"]
    return 200, {}


def preupload(handler: Handler, at: dict[str, str], body: bytes, _: Any) -> tuple[Any, ...]:
    """How each file is to be sent, and the id of the one that is there."""
    handler.writer(at["name"].split("/")[0])
    _, files = handler.head(at["kind"], at["name"], at["revision"])
    told = []
    for wanted in json.loads(body)["files"]:
        path, there = wanted["path"], files.get(wanted["path"])
        large = is_large(path, b"x" * wanted["size"])
        told.append({"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False})
        if there is not None:
            told[-1]["oid"] = oid_of(path, there)
    return 200, {"files": told, "commitOid": "0" * 40}


def batch(handler: Handler, at: dict[str, str], body: bytes, _: Any) -> tuple[Any, ...]:
    """Where large files are to be sent; those that are stored need not be."""
    handler.writer(at["name"].split("/")[0])
    told: list[dict[str, Any]] = []
    for one in json.loads(body)["objects"]:
        told.append({"oid": one["oid"], "size": one["size"]})
        if one["oid"] not in handler.hub.stored:
            actions = {name: {"href": f"{handler.hub.url}/{name}/{one['oid']}"} for name in ("upload", "verify")}
            told[-1]["actions"] = actions
    return 200, {"transfer": "basic", "objects": told}


def store(handler: Handler, at: dict[str, str], body: bytes, _: Any) -> tuple[Any, ...]:
    """Take a large file, if it is what was announced."""
    if hashlib.sha256(body).hexdigest() != at["oid"]:
        raise Refused(422)
    handler.hub.stored[at["oid"]] = body
    return 200, {}


def verify(handler: Handler, at: dict[str, str], body: bytes, _: Any) -> tuple[Any, ...]:
    """Whether a large file arrived."""
    return (200, {}) if at["oid"] in handler.hub.stored else (404, {})


def commit(handler: Handler, at: dict[str, str], body: bytes, _: Any) -> tuple[Any, ...]:
    """A commit, as lines of JSON."""
    handler.writer(at["name"].split("/")[0])
    _, before = handler.head(at["kind"], at["name"], at["revision"])
    files = dict(before)
    for line in map(json.loads, body.splitlines()):
        value = line["value"]
        if line["key"] == "header":
            handler.hub.messages.append(value["summary"])
        elif line["key"] == "file":
            files[value["path"]] = base64.b64decode(value["content"])
        elif line["key"] == "lfsFile":
            files[value["path"]] = handler.hub.stored[value["oid"]]
        else:
            raise Refused(400)
    made = handler.repository(at["kind"], at["name"]).commit(at["revision"], files)
    return 200, {"commitUrl": f"{handler.hub.url}/{at['name']}/commit/{made}", "commitOid": made}


def info(handler: Handler, at: dict[str, str], _: bytes, __: Any) -> tuple[Any, ...]:
    """A repository at a revision."""
    made, files = handler.head(at["kind"], at["name"], at.get("revision"))
    return 200, {
        "id": at["name"],
        "author": at["name"].split("/")[0],
        "sha": made,
        "private": handler.repository(at["kind"], at["name"]).private,
        "disabled": False,
        "gated": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "lastModified": WHEN,
        "createdAt": WHEN,
        "siblings": [{"rfilename": path} for path in files],
    }


def entry(path: str, body: bytes) -> dict[str, Any]:
    """A file as listings have it."""
    told: dict[str, Any] = {"type": "file", "path": path, "size": len(body), "oid": oid_of(path, body)[:40]}
    if is_large(path, body):
        told["lfs"] = {"oid": oid_of(path, body), "size": len(body), "pointerSize": 130}
    return told


def tree(handler: Handler, at: dict[str, str], _: bytes, query: dict[str, list[str]]) -> tuple[Any, ...]:
    """The files under a folder; folders too."""
    _, files = handler.head(at["kind"], at["name"], at["revision"])
    folder = f"{at['folder'].strip('/')}/" if at.get("folder") else ""
    deep = query.get("recursive", ["false"])[0].lower() in ("true", "1")
    told: dict[str, dict[str, Any]] = {}
    for path, body in files.items():
        if not path.startswith(folder):
            continue
        inner = path[len(folder) :].split("/")
        for depth in range(1, len(inner)):
            name = folder + "/".join(inner[:depth])
            told[name] = {"type": "directory", "path": name, "size": 0, "oid": "0" * 40}
            if not deep:
                break
        if deep or len(inner) == 1:
            told[path] = entry(path, body)
    if folder and not told:
        raise Refused(404, {"X-Error-Code": "EntryNotFound"})
    return 200, list(told.values())


def paths(handler: Handler, at: dict[str, str], body: bytes, _: Any) -> tuple[Any, ...]:
    """What some paths are."""
    _, files = handler.head(at["kind"], at["name"], at["revision"])
    given = body.decode()
    wanted = json.loads(given)["paths"] if given.startswith("{") else parse_qs(given).get("paths", [])
    told = [entry(path, files[path]) for path in wanted if path in files]
    folders = [path for path in wanted if any(name.startswith(f"{path}/") for name in files)]
    told += [{"type": "directory", "path": path, "size": 0, "oid": "0" * 40} for path in folders]
    return 200, told


def resolve(handler: Handler, at: dict[str, str], _: bytes, __: Any) -> tuple[Any, ...]:
    """The content of a file, or a part of it."""
    kind = "datasets" if at["prefix"] else "models"
    made, files = handler.head(kind, at["name"], at["revision"])
    if at["path"] not in files:
        raise Refused(404, {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": made})
    body = files[at["path"]]
    headers = {"ETag": f'"{oid_of(at["path"], body)}"', "X-Repo-Commit": made, "Accept-Ranges": "bytes"}
    headers["Content-Type"] = "application/octet-stream"
    asked = re.fullmatch(r"bytes=(\d+)-(\d*)", handler.headers.get("Range") or "")
    if asked is None:
        return 200, body, headers
    first, last = int(asked[1]), int(asked[2] or len(body) - 1)
    headers["Content-Range"] = f"bytes {first}-{min(last, len(body) - 1)}/{len(body)}"
    return 206, body[first : last + 1], headers


REPOSITORY = r"/api/(?P<kind>models|datasets)/(?P<name>[^/]+/[^/]+)"
ROUTES: tuple[tuple[str, Route], ...] = (
    (r"POST /api/repos/create", create),
    (r"POST /api/validate-yaml", check_card),
    (rf"POST {REPOSITORY}/branch/(?P<branch>.+)", branch),
    (rf"POST {REPOSITORY}/preupload/(?P<revision>.+)", preupload),
    (r"POST (/datasets)?/(?P<name>[^/]+/[^/]+)\.git/info/lfs/objects/batch", batch),
    (r"PUT /upload/(?P<oid>\w+)", store),
    (r"POST /verify/(?P<oid>\w+)", verify),
    (rf"POST {REPOSITORY}/commit/(?P<revision>.+)", commit),
    (rf"GET {REPOSITORY}", info),
    (rf"GET {REPOSITORY}/revision/(?P<revision>.+)", info),
    (rf"GET {REPOSITORY}/tree/(?P<revision>[^/]+)(/(?P<folder>.*))?", tree),
    (rf"POST {REPOSITORY}/paths-info/(?P<revision>.+)", paths),
    (r"(GET|HEAD) (?P<prefix>/datasets)?/(?P<name>[^/]+/[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)", resolve),
)


@contextmanager
def scripted_hub() -> Iterator[Hub]:
    """Serve an empty Hub on a port of its own."""
    hub = Hub()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OwnHandler", (Handler,), {"hub": hub}))
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
