"""Authentication values: challenges, Basic, Bearer and Digest."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from trio_http._entropy import set_entropy
from trio_http._errors import LocalProtocolError
from trio_http.semantics import (
    Challenge,
    DigestCredentials,
    choose_digest_challenge,
    decode_basic_auth,
    digest_response,
    encode_basic_auth,
    encode_bearer_auth,
    encode_username_password,
    parse_challenges,
    parse_credentials,
)


@pytest.fixture
def zeros() -> Iterator[None]:
    before = set_entropy(bytes)
    yield
    set_entropy(before)


# ---------------------------------------------------------------- challenges


@pytest.mark.parametrize(
    ("values", "challenges"),
    [
        ([], []),
        (["Basic"], [("basic", None, {})]),
        (['Basic realm="a, b"'], [("basic", None, {"realm": "a, b"})]),
        (["Negotiate YQ==, Bearer abc="], [("negotiate", "YQ==", {}), ("bearer", "abc=", {})]),
        (
            ['Newauth realm="apps", type=1, title="Login to \\"apps\\"", Basic realm="simple"'],
            [
                ("newauth", None, {"realm": "apps", "type": "1", "title": 'Login to "apps"'}),
                ("basic", None, {"realm": "simple"}),
            ],
        ),
        (["Basic realm = x", "NTLM"], [("basic", None, {"realm": "x"}), ("ntlm", None, {})]),
        (["Basic realm=a, REALM=b, charset="], [("basic", None, {"realm": "a", "charset": ""})]),
        (["realm=x, Basic"], [("basic", None, {})]),
        (["Basic, ,Bearer"], [("basic", None, {}), ("bearer", None, {})]),
        (['"x", \u20ac, Basic'], [("basic", None, {})]),
    ],
)
def test_challenges_are_read(values: list[str], challenges: list[tuple[str, str | None, dict[str, str]]]) -> None:
    assert parse_challenges(values) == challenges


def test_credentials_are_read() -> None:
    assert parse_credentials("Bearer a.b") == Challenge("bearer", "a.b", {})
    assert parse_credentials('Digest username="u", uri="/"') == Challenge("digest", None, {"username": "u", "uri": "/"})
    for value in (None, "", "realm=x", "Basic a, Basic b"):
        assert parse_credentials(value) is None


def test_repr_hides_secrets() -> None:
    assert "secret" not in repr(Challenge("bearer", "secret", {"response": "secret", "realm": "r"}))
    assert repr(Challenge("basic", None, {"realm": "r"})).endswith("token=None, parameters={'realm': 'r'})")


@given(st.text(st.sampled_from('Aa=", \\1'), max_size=30))
def test_no_field_makes_reading_fail(text: str) -> None:
    assert len(parse_challenges([text])) <= text.count(",") + 1
    decode_basic_auth("Basic " + text)


@pytest.mark.parametrize(
    "text", ["a " * 50_000, "a=" * 50_000, "a," * 50_000, 'a "' * 50_000, "a" + " " * 100_000 + '"']
)
def test_hostile_fields_take_linear_time(text: str) -> None:
    before = time.process_time()
    assert len(parse_challenges([text])) >= 0
    assert time.process_time() - before < 2


# ---------------------------------------------------------------- Basic, Bearer


@pytest.mark.covers("S1.97", "B15")
def test_basic_credentials_round_trip() -> None:
    assert encode_basic_auth("Aladdin", "open sesame") == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert encode_basic_auth("test", "123\u00a3") == "Basic dGVzdDoxMjPCow=="
    assert encode_username_password("u", "p:q") == b"u:p:q"
    assert encode_username_password("u\u0308", "") == "\u00fc:".encode()
    assert decode_basic_auth("bAsIc QWxhZGRpbjpvcGVuIHNlc2FtZQ==") == ("Aladdin", "open sesame")
    assert decode_basic_auth("Basic dTpwOnE=") == ("u", "p:q")
    assert decode_basic_auth("Basic /DpQ") == ("\xfc", "P")


@pytest.mark.parametrize("value", [None, "", "Basic", "Basic !!", "Basic YQ==", "Basic YQ", "Bearer dTpw", "Basic a=b"])
def test_what_is_no_basic_credentials_is_none(value: str | None) -> None:
    assert decode_basic_auth(value) is None


@pytest.mark.parametrize(("username", "password"), [("a:b", "secret"), ("a\n", "secret"), ("a", "secret\0")])
def test_basic_credentials_that_cannot_be_sent_are_refused(username: str, password: str) -> None:
    with pytest.raises(LocalProtocolError) as caught:
        encode_basic_auth(username, password)
    assert "secret" not in str(caught.value)


def test_bearer_tokens() -> None:
    assert encode_bearer_auth("mF_9.B5f-4.1JqM==") == "Bearer mF_9.B5f-4.1JqM=="
    for token in ("", "secret\r\nX: y", "secret x", "secret\u20ac"):
        with pytest.raises(LocalProtocolError) as caught:
            encode_bearer_auth(token)
        assert "secret" not in str(caught.value)


# ---------------------------------------------------------------- Digest

RFC_7616 = {
    "realm": "http-auth@example.org",
    "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
    "method": "GET",
    "target": "/dir/index.html",
    "session": ("auth", "00000001", "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"),
}


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("md5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_examples_of_rfc_7616(algorithm: str, response: str) -> None:
    assert digest_response(algorithm, "Mufasa", "Circle of Life", **RFC_7616) == response


def test_the_examples_of_rfc_2617_and_2069() -> None:
    common: dict[str, Any] = {
        "realm": "testrealm@host.com",
        "nonce": "dcd98b7102dd2f0e8b11d0f600bfb0c093",
        "method": "GET",
    }
    target = "/dir/index.html"

    assert (
        digest_response(
            "MD5", "Mufasa", "Circle Of Life", **common, target=target, session=("auth", "00000001", "0a4f113b")
        )
        == "6629fae49393a05397450978507c4ef1"
    )
    assert (
        digest_response("MD5", "Mufasa", "Circle Of Life", **common, target=target)
        == "670fd8c2df070c60b045671b8b24ff02"
    )


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_sessions_and_bodies_are_covered() -> None:
    count, cnonce = "00000001", "c"
    secret = sha256(sha256("u:r:p") + ":n:c")

    response = digest_response(
        "SHA-256-sess",
        "u",
        "p",
        realm="r",
        nonce="n",
        method="PUT",
        target="/",
        session=("auth-int", count, cnonce),
        body=b"body",
    )

    assert response == sha256(f"{secret}:n:{count}:{cnonce}:auth-int:{sha256('PUT:/:' + sha256('body'))}")


def test_what_digest_needs_must_be_given() -> None:
    common: dict[str, Any] = {"realm": "r", "nonce": "n", "method": "GET", "target": "/"}
    with pytest.raises(ValueError, match=r"not known: expected one of .*SHA-256"):
        digest_response("SHA-1", "u", "p", **common)
    with pytest.raises(ValueError, match="needs a session"):
        digest_response("MD5-sess", "u", "p", **common)
    with pytest.raises(ValueError, match="covers the body"):
        digest_response("MD5", "u", "p", **common, session=("auth-int", "1", "c"))


def challenge(text: str) -> Challenge:
    chosen = choose_digest_challenge(parse_challenges([f'Digest realm="r", nonce="n"{text}']))
    assert chosen is not None
    return chosen


def test_the_best_challenge_is_chosen() -> None:
    challenges = parse_challenges(
        [
            'Basic realm="x"',
            'Digest realm="r", nonce="1", algorithm=MD5, qop="auth"',
            'Digest realm="r", nonce="2", algorithm=sha-256, qop="auth, auth-int"',
            'Digest realm="r", nonce="3", algorithm=SHA-1',
            'Digest realm="r", nonce="4", algorithm=SHA-256-sess, qop=token',
            'Digest realm="r", algorithm=SHA-256',
            'Digest nonce="5", algorithm=SHA-256',
        ]
    )

    chosen = choose_digest_challenge(challenges)

    assert chosen is not None
    assert chosen.parameters["nonce"] == "2"
    assert choose_digest_challenge(challenges[:1]) is None


def test_a_digest_challenge_is_answered(zeros: None) -> None:
    credentials = DigestCredentials(challenge(', qop="auth,auth-int", algorithm=SHA-256, opaque="o\\"p"'), "u", "p")

    first = parse_credentials(credentials.authorize("GET", "/a?b"))
    second = parse_credentials(credentials.authorize("GET", "/a?b"))

    assert first is not None
    assert second is not None
    cnonce = "0" * 32
    assert first.parameters == {
        "username": "u",
        "realm": "r",
        "nonce": "n",
        "uri": "/a?b",
        "algorithm": "SHA-256",
        "opaque": 'o"p',
        "qop": "auth",
        "nc": "00000001",
        "cnonce": cnonce,
        "response": sha256(f"{sha256('u:r:p')}:n:00000001:{cnonce}:auth:{sha256('GET:/a?b')}"),
    }
    assert second.parameters["nc"] == "00000002"
    assert second.parameters["response"] != first.parameters["response"]
    assert repr(credentials) == "<DigestCredentials realm='r' used 2 times>"


def test_an_old_challenge_is_answered_in_the_old_way() -> None:
    answer = DigestCredentials(challenge(""), "u", "p").authorize("GET", "/")

    assert answer.startswith('Digest username="u", realm="r", nonce="n", uri="/", response="')
    assert "qop" not in answer
    assert "algorithm" not in answer


def test_a_session_algorithm_has_a_session_even_without_qop() -> None:
    answer = DigestCredentials(challenge(", algorithm=MD5-sess"), "u", "p").authorize("GET", "/")

    assert "qop=auth, nc=00000001, cnonce=" in answer


def test_a_body_is_covered_if_the_server_insists() -> None:
    credentials = DigestCredentials(challenge(", qop=auth-int"), "u", "p")

    assert credentials.needs_body
    assert "qop=auth-int" in credentials.authorize("PUT", "/", b"x")
    with pytest.raises(ValueError, match="body"):
        credentials.authorize("PUT", "/")
    assert not DigestCredentials(challenge(', qop="auth-int,auth"'), "u", "p").needs_body


def test_user_names_beyond_ascii_and_hashed_ones() -> None:
    assert "username*=UTF-8''J%C3%A4s, realm" in DigestCredentials(challenge(""), "J\u00e4s", "p").authorize("GET", "/")
    hashed = DigestCredentials(challenge(", userhash=true, algorithm=SHA-256"), "J\u00e4s", "p").authorize("GET", "/")
    assert 'username="' + sha256("J\u00e4s:r") in hashed
    assert hashed.endswith(", userhash=true")


def test_what_cannot_be_written_is_refused() -> None:
    for username, target in (("u\n", "/"), ("u", "/\n")):
        with pytest.raises(LocalProtocolError, match="Digest"):
            DigestCredentials(challenge(""), username, "secret").authorize("GET", target)
