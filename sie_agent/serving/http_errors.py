"""The common form of errors, and the exception that carries one."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import to_json

Headers = list[tuple[bytes, bytes]]
# further headers of an answer, by the code of its error
HEADERS: dict[str, dict[str, str]] = {
    "unauthorized": {"www-authenticate": "Bearer"},
    "busy": {"retry-after": "1"},
    "too_many_connections": {"retry-after": "1"},
    "draining": {"retry-after": "5"},
}


class HttpError(Exception):
    """An error answer to a request.

    Parameters
    ----------
    status : of HTTP. code : for programs. message : for people. field : where in the request.
    headers : further headers of the answer, beside those in `HEADERS`.
    """

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers = {**HEADERS.get(code, {}), **(headers or {})}

    def as_dict(self) -> dict[str, str | None]:
        """The content of ``error`` in an answer."""
        return {"code": self.code, "message": self.message, "field": self.field}

    def encoded(self) -> tuple[Headers, bytes]:
        """Headers and body of the answer."""
        body = to_json({"error": self.as_dict()})
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()], body
