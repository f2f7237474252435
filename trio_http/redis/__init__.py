"""One broadcast over several processes and machines, through Redis; needs the extra ``redis``."""

try:
    from ._broadcast import RedisBroadcast
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        f"trio_http.redis needs the extra redis: pip install 'trio-http[redis]' ({error})", name=error.name
    ) from error

__all__ = ["RedisBroadcast"]
