"""What a request costs a server over TLS, beside others: CPU time of the server's process; wrk is the load.

``python benchmarks/tls.py [--seconds S] [--rounds N] [--servers ...]``. Cases: small answers and answers of 1 MiB on
connections that are kept, and small answers each on a new connection, which is a handshake each. All are measured in
turn, round by round, and the median counts. It needs Linux and the program wrk.
"""

from __future__ import annotations

import argparse
import asyncio
import pathlib
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from typing import Any

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from _cpu import cpu_seconds, need_linux
from _servers import BIG, HELLO, app, listen

CASES = {  # what wrk is asked for: connections, path, further arguments
    "small answers": (32, "/", ()),
    "answers of 1 MiB": (8, "/1m", ()),
    "small answers, a connection each": (8, "/", ("-H", "Connection: close")),
}


def trio_http_server(cert: str) -> None:
    """Ours."""
    import trio

    import trio_http

    async def handler(request: trio_http.Request) -> trio_http.Response:
        return trio_http.Response(BIG if request.path == "/1m" else HELLO, headers={"content-type": "text/plain"})

    async def main() -> None:
        server = trio_http.Server(handler, fd=listen().detach(), is_secure=True)
        server.load_certs(cert)
        await server.listen()

    trio.run(main)


def uvicorn_server(cert: str) -> None:
    """Uvicorn with its compiled parts: uvloop and httptools."""
    import uvicorn
    import uvloop

    config = uvicorn.Config(app, http="httptools", log_level="error", access_log=False, ssl_certfile=cert)
    uvloop.run(uvicorn.Server(config).serve([listen()]))


def uvicorn_h11(cert: str) -> None:
    """Uvicorn in pure Python, on asyncio."""
    import uvicorn

    config = uvicorn.Config(app, http="h11", log_level="error", access_log=False, ssl_certfile=cert)
    asyncio.run(uvicorn.Server(config).serve([listen()]))


def aiohttp_server(cert: str) -> None:
    """The server of aiohttp, with its compiled parser, on asyncio."""
    from aiohttp import web

    async def answer(request: web.Request) -> web.Response:
        return web.Response(body=BIG if request.path == "/1m" else HELLO, content_type="text/plain")

    application = web.Application()
    application.add_routes([web.get("/", answer), web.get("/1m", answer)])
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert)
    web.run_app(application, sock=listen(), ssl_context=context, print=None, access_log=None)


def hypercorn_server(cert: str) -> None:
    """The ASGI server on trio."""
    import trio
    from hypercorn.config import Config
    from hypercorn.trio import serve

    config = Config()
    config.bind = [f"fd://{listen().detach()}"]
    config.certfile = config.keyfile = cert
    config.errorlog = None
    asgi: Any = app  # its types are narrower than ASGI's
    trio.run(serve, asgi, config)


SERVERS = {
    "trio_http": trio_http_server,
    "uvicorn, httptools and uvloop": uvicorn_server,
    "uvicorn, h11": uvicorn_h11,
    "aiohttp": aiohttp_server,
    "hypercorn on trio": hypercorn_server,
}


def microseconds(port: int, pid: int, case: str, seconds: float) -> float:
    """Load a server and return the CPU time it used for each answer."""
    connections, path, more = CASES[case]
    before = cpu_seconds(pid)
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", *more, f"https://127.0.0.1:{port}{path}"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    found = re.search(r"(\d+) requests in", told)
    if found is None or found[1] == "0" or "Non-2xx" in told:
        raise RuntimeError(told)
    return (cpu_seconds(pid) - before) / int(found[1]) * 1e6


def measure(name: str, cert: str, seconds: float, figures: dict[str, dict[str, list[float]]]) -> None:
    """Run one server and put its figures down."""
    command = [sys.executable, __file__, "--serve", name, cert]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            time.sleep(1)  # the port is bound; it may not accept yet
            for case in CASES:
                figures[case].setdefault(name, []).append(microseconds(port, process.pid, case, seconds))
        finally:
            process.kill()


def main() -> None:
    """Measure and print the tables."""
    import trustme

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--servers", nargs="*", default=list(SERVERS))
    options = parser.parse_args()
    need_linux()
    if shutil.which("wrk") is None:
        sys.exit("wrk is not installed: it makes the load (apt-get install wrk)")
    figures: dict[str, dict[str, list[float]]] = {case: {} for case in CASES}
    with tempfile.TemporaryDirectory() as directory:
        cert = f"{directory}/cert.pem"
        trustme.CA().issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(cert)
        for _ in range(options.rounds):
            for name in options.servers:
                measure(name, cert, options.seconds, figures)
    for case, costs in figures.items():
        medians = {name: statistics.median(times) for name, times in costs.items()}
        print(f"\n{case}, TLS, {CASES[case][0]} connections: microseconds of CPU for each, and how many times ours")
        for name, cost in sorted(medians.items(), key=lambda pair: pair[1]):
            print(f"  {name:32} {cost:9.1f} {cost / medians.get('trio_http', cost):7.2f}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        SERVERS[sys.argv[2]](sys.argv[3])
    else:
        main()
