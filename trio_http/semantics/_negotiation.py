"""Content negotiation: RFC 9110 section 12; which of my offers does the peer like best?

Every ``choose_*`` takes the value of the peer's field, None where there is none, and offers in the order in which the
server prefers them; the peer's weights go first, then that order. Elements that cannot be read are passed over.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from ._media import MediaType
from ._parameters import parse_parameters, split_list

__all__ = ["choose_charset", "choose_coding", "choose_language", "choose_media_type", "parse_weighted_list"]

_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
# An identity that is not spoken of is acceptable, but anything that was asked for is better: below the lowest weight
_UNSPOKEN = 0.0001


def parse_weighted_list(text: str) -> list[tuple[str, float]]:
    """Return ``a, b;q=0.5`` as elements and weights, in their order; parameters but ``q`` stay in the element.

    An element with a weight outside of the grammar is left out.
    """
    weighted: list[tuple[str, float]] = []
    for element in split_list(text):
        head, weight = element, 1.0
        parts = split_list(element, ";")
        for index, part in enumerate(parts[1:], 1):
            name, _, value = part.partition("=")
            if name.strip(" \t").lower() == "q":
                value = value.strip(" \t")
                weight = float(value) if _WEIGHT.fullmatch(value) else -1.0
                head = ";".join(parts[:index])  # what follows the weight are no parameters of the element
                break
        if weight >= 0 and not element.startswith(";"):
            weighted.append((head, weight))
    return weighted


def choose_media_type(accept: str | None, offers: Sequence[str]) -> str | None:
    """Return the offer that the value of ``Accept`` likes best, None if it accepts none.

    The most specific range that fits an offer decides its weight: ``text/html;level=1``, ``text/html``, ``text/*``,
    ``*/*``. No field, or an empty one, accepts all.

    Raises:
        ValueError: An offer is no media type.
    """
    parsed = [MediaType.parse(offer) for offer in offers]
    ranges: list[tuple[tuple[bool, bool, int], str, str, dict[str, str], float]] = []
    for text, weight in parse_weighted_list(accept or "*/*"):
        head, _, rest = text.partition(";")
        kind, slash, subtype = head.strip(" \t").lower().partition("/")
        if (slash and (kind != "*" or subtype == "*")) or head.strip(" \t") == "*":
            parameters = dict(parse_parameters(rest))
            specificity = (kind != "*", subtype not in {"*", ""}, len(parameters))
            ranges.append((specificity, kind, subtype or "*", parameters, weight))

    def weigh(index: int) -> float:
        offer = parsed[index]
        best: tuple[bool, bool, int] = (False, False, -1)
        found = 0.0
        for specificity, kind, subtype, parameters, weight in ranges:
            if (
                specificity > best
                and kind in {"*", offer.type}
                and subtype in {"*", offer.subtype}
                and parameters.items() <= offer.parameters.items()
            ):
                best, found = specificity, weight
        return found

    return _choose(offers, weigh)


def choose_coding(accept_encoding: str | None, offers: Sequence[str]) -> str | None:
    """Return the content coding that the value of ``Accept-Encoding`` likes best, None if it accepts none.

    ``"identity"`` (no coding) is acceptable unless it is refused, by name or by ``*;q=0``; anything that is asked for
    is better than an identity that is not spoken of. Without a field only identity is chosen: such clients are old.
    """
    weights = {_plain_coding(name): weight for name, weight in parse_weighted_list(accept_encoding or "")}
    others = weights.get("*", 0.0)

    def weigh(index: int) -> float:
        name = _plain_coding(offers[index])
        if name == "identity" and name not in weights:
            return 0.0 if weights.get("*") == 0 else _UNSPOKEN
        return weights.get(name, others)

    return _choose(offers, weigh)


def choose_language(accept_language: str | None, offers: Sequence[str]) -> str | None:
    """Return the language tag that the value of ``Accept-Language`` likes best, None if it accepts none.

    A range fits a tag that is equal to it or begins with it and ``-`` (basic filtering, RFC 4647 section 3.3.1); the
    longest range that fits decides. No field, or an empty one, accepts all.
    """
    weights = {name.lower(): weight for name, weight in parse_weighted_list(accept_language or "*")}

    def weigh(index: int) -> float:
        tag = offers[index].lower()
        while tag:
            if tag in weights:
                return weights[tag]
            tag = tag.rpartition("-")[0]
        return weights.get("*", 0.0)

    return _choose(offers, weigh)


def choose_charset(accept_charset: str | None, offers: Sequence[str]) -> str | None:
    """Return the charset that the value of ``Accept-Charset`` likes best, None if it accepts none.

    No field, or an empty one, accepts all. (Browsers no longer send it.)
    """
    weights = {name.lower(): weight for name, weight in parse_weighted_list(accept_charset or "*")}
    return _choose(offers, lambda index: weights.get(offers[index].lower(), weights.get("*", 0.0)))


def _plain_coding(name: str) -> str:
    name = name.lower()
    return name[2:] if name in {"x-gzip", "x-compress"} else name  # RFC 9110 section 8.4.1


def _choose(offers: Sequence[str], weigh: Callable[[int], float]) -> str | None:
    best, chosen = 0.0, None
    for index, offer in enumerate(offers):
        weight = weigh(index)
        if weight > best:
            best, chosen = weight, offer
    return chosen
