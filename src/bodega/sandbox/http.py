"""What the sandbox's own JSON routes share: reading a body, saying what is wrong with it."""

from __future__ import annotations

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

Model = TypeVar("Model", bound=BaseModel)

MAX_BODY_BYTES = 1024 * 1024


class BadRequest(Exception):
    """A body that cannot be used; answered 422 with the reasons."""

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__(str(errors))
        self.errors = errors


async def read_body(request: Request) -> bytes:
    """The whole body, also a second time; HTTPException 413 over 1 MB."""
    if (known := getattr(request.state, "body", None)) is not None:
        return bytes(known)
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_BODY_BYTES:
            raise HTTPException(413, "The body is larger than 1 MB.")
    request.state.body = body
    return body


async def body_as(model: type[Model], request: Request) -> Model:
    """The JSON body as a model, an empty one standing for `{}`; raises BadRequest, or HTTPException 415.

    Insisting on the media type keeps a stranger's web page from posting here: a browser asks first, and is not let.
    """
    body = await read_body(request)
    if body and request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise HTTPException(415, "The body must be application/json.")
    try:
        return model.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise BadRequest(
            [{"pointer": "/" + "/".join(map(str, e["loc"])), "message": e["msg"]} for e in error.errors()]
        ) from error


async def answer_bad_request(_: Request, error: Exception) -> Response:
    """Exception handler of BadRequest."""
    assert isinstance(error, BadRequest)
    words = "; ".join(f"{wrong['pointer']}: {wrong['message']}" for wrong in error.errors)
    return JSONResponse(
        {"error": {"code": "invalid_request", "message": words, "errors": error.errors}}, status_code=422
    )


async def answer_http_exception(_: Request, error: Exception) -> Response:
    """Exception handler of HTTPException: JSON, not plain text."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": {"code": "http_error", "message": error.detail}}, status_code=error.status_code)
