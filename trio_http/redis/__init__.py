"""One broadcast over several processes and machines, through Redis; needs the extra ``redis``."""

from ._broadcast import RedisBroadcast

__all__ = ["RedisBroadcast"]
