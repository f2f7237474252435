"""The access log: one line for each request, as web servers have always written it, or as JSON."""

from __future__ import annotations

import json
import logging
from typing import Literal, final

from .. import _clock
from ..messages import Request, Response
from ..semantics import format_http_date
from ._instruments import Connection, Disconnect, Reply

__all__ = ["AccessLog"]


@final
class AccessLog:
    """An observer that logs each request: ``Server(handler, instruments=[AccessLog()])``.

    Query strings are logged; credentials, cookies and bodies never are.

    Args:
        form: ``"combined"`` for the format of Apache and nginx with the seconds at its end, ``"json"`` for an object.
        logger: Where to log to, at level INFO; None for the logger ``trio_http.access``.
    """

    __slots__ = ("_date", "_form", "_log", "_second")

    def __init__(self, form: Literal["combined", "json"] = "combined", *, logger: logging.Logger | None = None) -> None:
        if form not in ("combined", "json"):
            raise ValueError(f"AccessLog(form={form!r}): give 'combined' or 'json'")
        self._form = form
        self._second = 0
        self._date = ""
        self._log = logging.getLogger("trio_http.access") if logger is None else logger

    def connection_opened(self, connection: Connection) -> None:
        """Nothing to log."""

    def connection_closed(self, connection: Connection, disconnect: Disconnect) -> None:
        """Nothing to log."""

    def request_received(self, request: Request) -> None:
        """Nothing to log yet."""

    def handler_failed(self, request: Request, error: Exception) -> None:
        """The server's own log has it."""

    def request_answered(self, request: Request, response: Response | None, reply: Reply) -> None:
        """Log one line."""
        # Hot: once per request.
        if not self._log.isEnabledFor(logging.INFO):
            return
        referer = request.headers.get("referer") or "-"
        agent = request.headers.get("user-agent") or "-"
        now = _clock.wall()
        if self._form == "json":
            fields = {
                "time": round(now, 3),
                "ip": request.ip,
                "method": request.method,
                "target": request.target,
                "version": request.http_version,
                "status": reply.status,
                "bytes": reply.bytes_sent,
                "seconds": round(reply.seconds, 6),
                "complete": reply.complete,
                "referer": referer,
                "user_agent": agent,
            }
            self._write("%s", json.dumps(fields, ensure_ascii=True))
            return
        self._write(
            '%s - - [%s] "%s %s %s" %d %d "%s" "%s" %.6f%s',
            request.ip or "-",
            self._date_at(now),
            request.method,
            request.target.replace('"', "%22"),
            request.http_version,
            reply.status,
            reply.bytes_sent,
            _quoted(referer),
            _quoted(agent),
            reply.seconds,
            "" if reply.complete else " aborted",
        )

    def _write(self, message: str, *args: object) -> None:
        # info() would look for its caller in the stack, which costs more than all the rest; it is always the same one
        log = self._log
        log.handle(log.makeRecord(log.name, logging.INFO, __file__, 0, message, args, None, "request_answered"))

    def _date_at(self, now: float) -> str:
        if int(now) != self._second:
            # 21/Nov/2026:10:00:00 +0000, out of Sat, 21 Nov 2026 10:00:00 GMT: no locale has a say in it
            _, day, month, year, time, _ = format_http_date(now).split(" ")
            self._second = int(now)
            self._date = f"{day}/{month}/{year}:{time} +0000"
        return self._date


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
