"""The one form of every error, and the faults that routes raise."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic_core import to_json


class Refusal(Exception):
    """A request that is not answered with scores.

    Parameters
    ----------
    status : of HTTP. code : for programs. message : for people. field : where in the request.
    headers : further ones of the answer.
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


def busy(message: str) -> Refusal:
    """The service has more to do than it can hold."""
    return Refusal(503, "busy", message, headers={"retry-after": "1"})


def error_body(code: str, message: str, field: str | None = None) -> bytes:
    """``{"error": {"code", "message", "field"}}``."""
    return to_json({"error": {"code": code, "message": message, "field": field}})
