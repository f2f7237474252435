"""Files on disk as bodies of messages: opened safely, read in threads, sent by the kernel where it can."""

from ._disk import Snapshot, is_missing, is_within, open_file, read_cached
from ._file_body import FileBody

__all__ = ["FileBody", "Snapshot", "is_missing", "is_within", "open_file", "read_cached"]
