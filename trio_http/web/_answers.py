"""What is said when something is wrong with a request: one short text for all of this folder."""

from __future__ import annotations

from .._errors import StatusError
from ..messages import Response
from ..semantics import phrases

__all__ = ["answer", "answer_to", "only_leaf"]


def answer(status: int, detail: str | None = None) -> Response:
    """Return a short plain-text response for a status."""
    phrase = phrases.get(status, "")
    return Response(f"{status} {phrase}: {detail}\n" if detail else f"{status} {phrase}\n", status=status)


def only_leaf(error: BaseException) -> BaseException:
    """Return the one exception inside nested groups of one, or the error itself.

    A handler that uses a nursery raises groups; a single error in there means what it means bare.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def answer_to(error: Exception) -> Response | None:
    """Return the answer that a handler raised as a :class:`StatusError`; None for every other error.

    An error that a client raised for somebody else's answer (``error.response`` is set) is no answer of ours.
    """
    leaf = only_leaf(error)
    if not isinstance(leaf, StatusError) or leaf.response is not None:
        return None
    response = answer(leaf.status, leaf.detail)
    if leaf.headers is not None:
        response.headers.update(leaf.headers)
    return response
