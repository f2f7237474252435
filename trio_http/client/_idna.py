"""Host names beyond ASCII: the codec that URLs are given, loaded when the first such name comes along."""

from __future__ import annotations

import importlib
from typing import Any

from ..semantics import set_idna_codec

__all__ = ["use_idna"]


def use_idna() -> None:
    """Have URLs turn such names into ASCII by IDNA 2008 with UTS 46 mapping, as browsers do."""
    set_idna_codec(_encode, _decode)


def _idna() -> Any:
    return importlib.import_module("idna")


def _encode(host: str) -> bytes:
    encoded: bytes = _idna().encode(host, uts46=True)
    return encoded


def _decode(host: str) -> str:
    decoded: str = _idna().decode(host)
    return decoded
