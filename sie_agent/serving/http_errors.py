"""The common form of errors, and the exception that carries one."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import to_json

Headers = list[tuple[bytes, bytes]]


class HttpError(Exception):
    """An error answer to a request.

    Parameters
    ----------
    status : of HTTP. code : for programs. message : for people. field : where in the request.
    headers : further headers of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field = status, code, message, field
        self.headers = dict(headers or {})

    def as_dict(self) -> dict[str, str | None]:
        """The content of ``error`` in an answer."""
        return {"code": self.code, "message": self.message, "field": self.field}

    def encoded(self) -> tuple[Headers, bytes]:
        """Headers and body of the answer."""
        body = to_json({"error": self.as_dict()})
        headers = {"content-type": "application/json", "content-length": str(len(body)), **self.headers}
        return [(name.lower().encode(), value.encode()) for name, value in headers.items()], body


def busy(message: str) -> HttpError:
    """The service has more to do than it can hold."""
    return HttpError(503, "busy", message, headers={"retry-after": "1"})
