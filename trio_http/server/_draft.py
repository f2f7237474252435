"""The response that ``on_receive`` hooks may fill before any handler runs."""

from __future__ import annotations

from typing import final

from ..messages import ContentLike, Response

__all__ = ["Draft"]


@final
class Draft(Response):
    """An answer in the making.

    A hook that sets its status or body answers the request; one that only sets header fields adds them to the
    handler's answer.

    Attributes:
        status: 0 until somebody gives one.
    """

    __slots__ = ("_written",)

    def __init__(self) -> None:
        super().__init__()
        self.status: int = 0
        self._written = False

    @property
    def answered(self) -> bool:
        """True once a status or a body has been given."""
        return self._written or self.status != 0

    def replace_body(self, body: ContentLike) -> None:
        """Send this body."""
        super().replace_body(body)
        self._written = True

    def finish(self) -> Response:
        """Return it as an answer to be sent."""
        if not self.status:
            self.status = 200
        return self
