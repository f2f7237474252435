"""What a server says when something went wrong: from an error to a response, without giving anything away."""

from __future__ import annotations

from .._errors import (
    BodyTooLarge,
    DecodingError,
    HTTPError,
    HTTPTimeout,
    ProtocolError,
    ReadTimeout,
    StatusError,
    TransportError,
)
from ..messages import Response
from ..semantics import phrases

__all__ = ["answer", "answer_to_fault", "answer_to_status_error", "only_leaf"]


def answer(status: int, detail: str | None = None) -> Response:
    """Return a short plain-text response for a status."""
    phrase = phrases.get(status, "")
    return Response(f"{status} {phrase}\n" if not detail else f"{status} {phrase}: {detail}\n", status=status)


def answer_to_fault(fault: HTTPError) -> Response | None:
    """Return the answer to what went wrong with the request itself; None when there is nobody left to answer.

    The peer hears what it did wrong, because that helps those who write clients; but nothing of what it sent, and
    nothing of ours.
    """
    if isinstance(fault, BodyTooLarge):
        return answer(413, f"at most {fault.limit} bytes are accepted")
    if isinstance(fault, DecodingError):
        return answer(400, "the body is not in the content coding that it declares")
    if isinstance(fault, ReadTimeout):
        return answer(408, "the request did not arrive in time")
    if isinstance(fault, TransportError | HTTPTimeout):
        return None
    if isinstance(fault, ProtocolError) and fault.__cause__ is not None:
        # a fault of the body: its text is for the log, and names the target and what was found instead of a chunk
        return answer(fault.error_status_hint, "the body is not framed as RFC 9112 section 7 has it")
    if isinstance(fault, ProtocolError):
        return answer(fault.error_status_hint, str(fault))
    return None


def answer_to_status_error(error: StatusError) -> Response:
    """Return the answer that a handler raised."""
    response = answer(error.status, error.detail)
    if error.headers is not None:
        response.headers.update(error.headers)
    return response


def only_leaf(error: BaseException) -> BaseException:
    """Return the one exception inside nested groups of one, or the error itself.

    A handler that uses a nursery raises groups; a single error in there means what it means bare.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
