"""A router of ours as an ASGI application: ``uvicorn asgi_under_others:app``, or ``hypercorn -k trio ...``."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from trio_http import Request, Response
from trio_http.asgi import as_asgi
from trio_http.messages import Serving
from trio_http.web import JsonResponse, Router

router = Router()


@asynccontextmanager
async def lifespan(server: Serving) -> AsyncIterator[dict[str, float]]:
    yield {"began": trio.current_time()}


@router.get("/uptime")
async def uptime(request: Request) -> Response:
    return JsonResponse({"seconds": trio.current_time() - request.state["began"]})


app = as_asgi(router, lifespan=lifespan)
