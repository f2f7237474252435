"""XOR with four bytes over and over: what every frame of a client goes through (RFC 6455 section 5.3).

Python has no such operation on bytes, and no way around that is cheap: 64 KiB take 70 us at best, more than all the
rest of receiving them. So the C function of the ``websockets`` package does it, in 1.3 us. Where that has no wheel and
nobody has a compiler (its own build goes on without, then), what is below does.
"""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["apply_mask", "mask_in_python"]

_SMALL = 512  # bytes up to which one whole number is cheaper than four lanes
_TABLES = [bytes(byte ^ mask for byte in range(256)) for mask in range(256)]


def mask_in_python(data: bytes | bytearray | memoryview, key: bytes) -> bytes:
    """Return the data XORed with the key, repeated; doing it twice gives the data back.

    Args:
        data: Any number of bytes.
        key: Four bytes.
    """
    size = len(data)
    if size <= _SMALL:
        pattern = int.from_bytes((key * (size // 4 + 1))[:size], "little")
        return (int.from_bytes(data, "little") ^ pattern).to_bytes(size, "little")
    masked = bytearray(data)
    for lane, mask in enumerate(key):
        masked[lane::4] = masked[lane::4].translate(_TABLES[mask])
    return bytes(masked)


apply_mask: Callable[[bytes | bytearray | memoryview, bytes], bytes]
try:
    from websockets.speedups import apply_mask as _apply_mask_in_c
except ImportError:
    apply_mask = mask_in_python
else:
    apply_mask = _apply_mask_in_c
