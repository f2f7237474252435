"""Status codes under all their names."""

from __future__ import annotations

import http

import pytest

from trio_http.semantics import Status, phrases, reason_bytes

# the names of the seeds, and 451, 103 and 425 which they leave out
TABLE = """
CONTINUE 100 SWITCHING_PROTOCOLS 101 PROCESSING 102 EARLY_HINTS 103
OK 200 CREATED 201 ACCEPTED 202 NON_AUTHORITATIVE_INFORMATION 203 NO_CONTENT 204 RESET_CONTENT 205
PARTIAL_CONTENT 206 MULTI_STATUS 207 ALREADY_REPORTED 208 IM_USED 226
MULTIPLE_CHOICES 300 MOVED_PERMANENTLY 301 FOUND 302 SEE_OTHER 303 NOT_MODIFIED 304 USE_PROXY 305
TEMPORARY_REDIRECT 307 PERMANENT_REDIRECT 308
BAD_REQUEST 400 UNAUTHORIZED 401 PAYMENT_REQUIRED 402 FORBIDDEN 403 NOT_FOUND 404 METHOD_NOT_ALLOWED 405
NOT_ACCEPTABLE 406 PROXY_AUTHENTICATION_REQUIRED 407 REQUEST_TIMEOUT 408 CONFLICT 409 GONE 410 LENGTH_REQUIRED 411
PRECONDITION_FAILED 412 PAYLOAD_TOO_LARGE 413 REQUEST_URI_TOO_LONG 414 UNSUPPORTED_MEDIA_TYPE 415
REQUESTED_RANGE_NOT_SATISFIABLE 416 EXPECTATION_FAILED 417 TEAPOT 418
MISDIRECTED_REQUEST 421 UNPROCESSABLE_ENTITY 422 LOCKED 423 FAILED_DEPENDENCY 424 TOO_EARLY 425 UPGRADE_REQUIRED 426
PRECONDITION_REQUIRED 428 TOO_MANY_REQUESTS 429 REQUEST_HEADER_FIELDS_TOO_LARGE 431
CONNECTION_CLOSED_WITHOUT_RESPONSE 444 UNAVAILABLE_FOR_LEGAL_REASONS 451 CLIENT_CLOSED_REQUEST 499
INTERNAL_SERVER_ERROR 500 NOT_IMPLEMENTED 501 BAD_GATEWAY 502 SERVICE_UNAVAILABLE 503 GATEWAY_TIMEOUT 504
HTTP_VERSION_NOT_SUPPORTED 505 VARIANT_ALSO_NEGOTIATES 506 INSUFFICIENT_STORAGE 507 LOOP_DETECTED 508
NOT_EXTENDED 510 NETWORK_AUTHENTICATION_REQUIRED 511 NETWORK_CONNECT_TIMEOUT_ERROR 599
CONTENT_TOO_LARGE 413 URI_TOO_LONG 414 RANGE_NOT_SATISFIABLE 416 IM_A_TEAPOT 418 UNPROCESSABLE_CONTENT 422
"""
NAMES = TABLE.split()


@pytest.mark.covers("S2.1", "S2.2", "S2.3", "S2.4", "S2.5", "S2.6", "S2.7")
@pytest.mark.parametrize(("name", "code"), list(zip(NAMES[::2], map(int, NAMES[1::2]), strict=True)))
def test_every_name_has_its_code_and_a_phrase(name: str, code: int) -> None:
    status = Status[name]

    assert status == code
    assert Status(code) is status
    assert status.phrase == phrases[code]
    assert reason_bytes(code) == status.phrase.encode()
    assert status.phrase


def test_the_names_of_the_standard_library_are_all_there() -> None:
    for known in http.HTTPStatus:
        assert Status[known.name] == known.value


@pytest.mark.covers("S2.7")
def test_phrases_are_those_of_the_registry() -> None:
    assert phrases[200] == "OK"
    assert phrases[413] == "Content Too Large"
    assert phrases[418] == "I'm a Teapot"
    assert len(phrases) == len(Status)


def test_an_unknown_code_has_no_reason() -> None:
    assert reason_bytes(799) == b""
    with pytest.raises(ValueError, match="799"):
        Status(799)


def test_a_status_prints_as_its_number() -> None:
    assert f"{Status.NOT_FOUND}" == str(Status.NOT_FOUND) == "404"
    assert repr(Status.NOT_FOUND) == "<Status.NOT_FOUND: 404>"


@pytest.mark.parametrize(
    ("code", "true"),
    [
        (100, {"is_informational"}),
        (204, {"is_success"}),
        (302, {"is_redirection", "is_redirect"}),
        (304, {"is_redirection"}),
        (404, {"is_client_error", "is_error"}),
        (599, {"is_server_error", "is_error"}),
    ],
)
def test_the_class_of_a_status(code: int, true: set[str]) -> None:
    predicates = {name for name in vars(Status) if name.startswith("is_")}

    assert {name for name in predicates if getattr(Status(code), name) is True} == true
    assert len(predicates) == 7
