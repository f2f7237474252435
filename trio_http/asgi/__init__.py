"""ASGI and WSGI: applications of other frameworks as handlers, and handlers as applications."""

from ._application import HostLifespan, as_asgi
from ._handler import ASGIHandler
from ._lifespan import LifespanError
from ._messages import ASGIError, ClientDisconnected
from ._serve import serve_asgi, serve_wsgi
from ._types import ASGIApplication, Message, Receive, Scope, Send
from ._wsgi import WSGIApplication, WSGIError, WSGIHandler

__all__ = [
    "ASGIApplication",
    "ASGIError",
    "ASGIHandler",
    "ClientDisconnected",
    "HostLifespan",
    "LifespanError",
    "Message",
    "Receive",
    "Scope",
    "Send",
    "WSGIApplication",
    "WSGIError",
    "WSGIHandler",
    "as_asgi",
    "serve_asgi",
    "serve_wsgi",
]
