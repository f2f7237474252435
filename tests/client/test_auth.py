"""Proving who we are, against servers that check."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import trio_http
from tests.client.client_peers import run, serve_app
from trio_http import Client, Request, Response
from trio_http.client import AnyAuth, BasicAuth, BearerAuth, DigestAuth, NetrcAuth
from trio_http.semantics import digest_response, parse_credentials
from trio_http.testing import VirtualNetwork


async def whoami(request: Request) -> Response:
    return Response(request.headers.get("authorization") or "nobody")


class Upper:
    """A way of a user's own, which needs two tries."""

    def __init__(self) -> None:
        self.token = "old"

    async def authorize(self, request: Request) -> None:
        request.headers["Authorization"] = f"Upper {self.token}"

    async def challenged(self, request: Request, response: Response) -> bool:
        self.token = response.headers["X-Next"]
        return True


@pytest.mark.covers("B15", "S1.13", "S1.14")
@pytest.mark.parametrize(
    ("auth", "field"),
    [
        (("user", "pässword"), "Basic dXNlcjpww6Rzc3dvcmQ="),
        (BasicAuth("user", "pässword"), "Basic dXNlcjpww6Rzc3dvcmQ="),
        (BearerAuth("abc.def"), "Bearer abc.def"),
        (None, "nobody"),
    ],
)
def test_field_of_each_way(auth: Any, field: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, whoami)
        async with Client(auth=auth) as client:
            assert (await client.get("http://api/")).text() == field
            assert (await client.get("http://api/", auth=None)).text() == "nobody"
        async with Client() as client:
            assert (await client.get("http://api/", auth=auth)).text() == field

    run(main)


@pytest.mark.covers("B15", "S2.26")
def test_function_and_url_and_header() -> None:
    async def sign(request: Request) -> None:
        request.headers["Authorization"] = f"Signed {request.method} {request.url.path}"

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, whoami)
        async with Client(auth=sign) as client:
            assert (await client.get("http://api/x")).text() == "Signed GET /x"
            assert (await client.get("http://api/x", headers={"Authorization": "Mine"})).text() == "Mine"
        async with Client() as client:
            response = await client.get("http://user:p%40ss@api/")

            assert response.text() == "Basic dXNlcjpwQHNz"

    run(main)


@pytest.mark.covers("B15")
def test_netrc(tmp_path: Path) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine api login user password secret\n")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, whoami)
        await serve_app(net, whoami, host="other")
        async with Client(auth=NetrcAuth(path)) as client:
            assert (await client.get("http://api/")).text() == "Basic dXNlcjpzZWNyZXQ="
            assert (await client.get("http://other/")).text() == "nobody"

    run(main)
    with pytest.raises(trio_http.LocalProtocolError, match=r"cannot read"):
        NetrcAuth(tmp_path / "nothing")


def asking(*challenges: str) -> tuple[Any, list[str]]:
    """A handler that wants one of these, and what it has been given."""
    given: list[str] = []

    async def handler(request: Request) -> Response:
        sent = request.headers.get("authorization")
        given.append("nothing" if sent is None else sent.partition(" ")[0])
        if sent is not None and sent.partition(" ")[0] in " ".join(challenges):
            return Response("welcome")
        response = Response("who?", status=401)
        for challenge in challenges:
            response.headers.add("WWW-Authenticate", challenge)
        return response

    return handler, given


BASIC = 'Basic realm="r"'
DIGEST = 'Digest realm="r", nonce="n", qop="auth", algorithm=SHA-256'


@pytest.mark.covers("B15", "S2.26")
@pytest.mark.parametrize(
    ("way", "challenges", "given"),
    [
        ("any", [BASIC], ["nothing", "Basic", "Basic"]),
        ("any", [BASIC, DIGEST], ["nothing", "Digest", "Digest"]),
        ("any", [DIGEST], ["nothing", "Digest", "Digest"]),
        ("any", ['Negotiate a="b"'], ["nothing", "nothing"]),
        ("basic", [BASIC], ["Basic", "Basic"]),
        ("basic", [DIGEST], ["Basic", "Basic"]),
        ("digest", [BASIC, DIGEST], ["nothing", "Digest", "Digest"]),
        ("digest", [BASIC], ["nothing", "nothing"]),
    ],
)
@pytest.mark.parametrize("where", ["url", "object"])
def test_way_in_which_a_password_is_told(way: Any, challenges: list[str], given: list[str], where: str) -> None:
    async def main(net: VirtualNetwork) -> None:
        handler, seen = asking(*challenges)
        await serve_app(net, handler)
        auth = {"any": AnyAuth, "basic": BasicAuth, "digest": DigestAuth}[way]("me", "secret")
        url = "http://me:secret@api/" if where == "url" else "http://api/"
        async with Client(auth=way if where == "url" else auth) as client:
            for _ in range(2):
                response = await client.get(url)
                assert "secret" not in repr(response.request)
        assert seen == given

    run(main)


@pytest.mark.covers("B15", "S2.26")
@pytest.mark.parametrize("auth", [DigestAuth("me", "secret"), ("me", "secret"), Upper()])
def test_redirect_within_the_origin_is_proved_anew(auth: Any) -> None:
    """A digest covers the target: that of the first request proves nothing for the second."""
    given: list[str] = []

    async def handler(request: Request) -> Response:
        sent = request.headers.get("authorization")
        if sent is None:
            return Response("who?", status=401, headers={"WWW-Authenticate": DIGEST})
        if isinstance(auth, Upper):
            auth.token = "new"
        given.append(sent)
        if request.path == "/from":
            return Response(status=302, headers={"Location": "/to"})
        return Response("welcome")

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client(auth=auth) as client:
            assert (await client.get("http://api/from")).text() == "welcome"

    run(main)
    if isinstance(auth, DigestAuth):
        credentials = [parse_credentials(each) for each in given]
        assert [each and each.parameters["uri"] for each in credentials] == ["/from", "/to"]
    else:
        assert given == (["Upper old", "Upper new"] if isinstance(auth, Upper) else ["Basic bWU6c2VjcmV0"] * 2)


def test_password_that_is_wrong_is_not_tried_for_ever() -> None:
    async def main(net: VirtualNetwork) -> None:
        seen: list[str] = []

        async def handler(request: Request) -> Response:
            seen.append(request.headers.get("authorization", "nothing").partition(" ")[0])
            return Response("no", status=401, headers={"WWW-Authenticate": BASIC})

        await serve_app(net, handler)
        async with Client(auth=AnyAuth("me", "wrong")) as client:
            assert (await client.get("http://api/")).status == 401
        assert seen == ["nothing", "Basic"]

    run(main)


def test_string_that_is_no_way_is_refused_and_not_shown() -> None:
    with pytest.raises(TypeError, match=r"BearerAuth\(token\)") as caught:
        Client(auth="top-secret")  # type: ignore[typeddict-item]  # the mistake

    assert "top-secret" not in str(caught.value)


@pytest.mark.covers("B15", "S1.14", "S2.26")
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256", "SHA-512", "MD5-sess"])
def test_digest_asks_once_and_counts(algorithm: str) -> None:
    counts: list[str] = []
    nonces = ["first", "second"]

    async def handler(request: Request) -> Response:
        body = await request.read()
        sent = parse_credentials(request.headers.get("authorization"))
        if sent is not None:
            fields = sent.parameters
            wanted = digest_response(
                algorithm,
                "user",
                "secret",
                realm="r",
                nonce=nonces[0],
                method=request.method,
                target=request.target,
                session=(fields["qop"], fields["nc"], fields["cnonce"]),
            )
            if fields["response"] == wanted:
                counts.append(fields["nc"])
                return Response(body or "welcome")
        stale = ", stale=true" if sent is not None and sent.parameters["nonce"] != nonces[0] else ""
        challenge = f'Digest realm="r", nonce="{nonces[0]}", qop="auth", algorithm={algorithm}{stale}'
        return Response("who?", status=401, headers={"WWW-Authenticate": challenge})

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client(auth=DigestAuth("user", "secret")) as client:
            assert (await client.get("http://api/a")).text() == "welcome"
            assert (await client.post("http://api/b?c", content=b"hello")).text() == "hello"
            nonces.pop(0)
            assert (await client.get("http://api/")).text() == "welcome"
            assert counts == ["00000001", "00000002", "00000001"]
            assert (await client.get("http://api/", auth=DigestAuth("user", "wrong"))).status == 401
            assert len(client.pool.connections) == 1

    run(main)


@pytest.mark.covers("B15")
def test_custom_way_may_try_again_but_not_for_ever() -> None:
    asked: list[str | None] = []

    async def handler(request: Request) -> Response:
        asked.append(request.headers.get("authorization"))
        return Response("no", status=401, headers={"X-Next": f"t{len(asked)}"})

    async def main(net: VirtualNetwork) -> None:
        await serve_app(net, handler)
        async with Client(auth=Upper()) as client:
            assert (await client.get("http://api/")).status == 401

    run(main)
    assert asked == ["Upper old", "Upper t1", "Upper t2"]


def test_no_secret_in_a_repr() -> None:
    for auth in (BasicAuth("user", "secret"), BearerAuth("secret"), DigestAuth("user", "secret")):
        assert "secret" not in repr(auth)
