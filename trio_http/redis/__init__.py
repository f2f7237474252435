"""One broadcast over several processes and machines, through Redis; needs the extra ``redis``."""

try:
    from ._broadcast import RedisBroadcast
except ModuleNotFoundError as _error:
    raise ModuleNotFoundError(
        f"trio_http.redis needs the extra redis: pip install 'trio-http[redis]' ({_error})", name=_error.name
    ) from _error

__all__ = ["RedisBroadcast"]
