"""What can be refused at the door: ids that are too long, documents that are too large or no JSON.

Everything that depends on a mapping or on other documents is decided by the partition's worker, in log order.
"""

import threading

import numpy as np

from pipeline.ingest.ports import Op, WriteError, Writes
from pipeline.json_columns.scanner import Scanner
from schemas.limits import DOCUMENT_BYTES_MAX, ID_BYTES_MAX


class Check:
    """Checks writes; keeps one scanner a thread."""

    def __init__(self) -> None:
        self._local = threading.local()

    def faults(self, writes: Writes) -> dict[int, WriteError]:
        """The rows to refuse, with why."""
        found: dict[int, WriteError] = {}
        self._ids(writes, found)
        self._sizes(writes, found)
        for fault in self._scanner().scan(writes.sources).errors:
            found.setdefault(fault.row, WriteError(fault.code, fault.reason, 400))
        if writes.sources.nulls is not None:
            empty = writes.sources.nulls & (writes.ops != Op.DELETE)
            for row in np.flatnonzero(empty).tolist():
                found[row] = WriteError("action_request_validation", "Validation Failed: 1: source is missing;", 400)
        return found

    def _scanner(self) -> Scanner:
        if not hasattr(self._local, "scanner"):
            self._local.scanner = Scanner()
        scanner: Scanner = self._local.scanner
        return scanner

    @staticmethod
    def _ids(writes: Writes, found: dict[int, WriteError]) -> None:
        lengths = writes.ids.starts[1:] - writes.ids.starts[:-1]
        nulls = writes.ids.null_mask()
        for row in np.flatnonzero(lengths > ID_BYTES_MAX).tolist():
            text = f"id [{(writes.ids[row] or b'').decode(errors='replace')}] is too long, must be no longer than"
            reason = f"{text} {ID_BYTES_MAX} bytes but was: {lengths[row]}"
            found[row] = WriteError("action_request_validation", f"Validation Failed: 1: {reason};", 400)
        for row in np.flatnonzero((lengths == 0) & ~nulls).tolist():
            reason = "if _id is specified it must not be empty"
            found[row] = WriteError("illegal_argument", reason, 400)
        needed = nulls & ((writes.ops == Op.DELETE) | (writes.ops == Op.UPDATE))
        for row in np.flatnonzero(needed).tolist():
            found[row] = WriteError("action_request_validation", "Validation Failed: 1: id is missing;", 400)

    @staticmethod
    def _sizes(writes: Writes, found: dict[int, WriteError]) -> None:
        sizes = writes.sources.starts[1:] - writes.sources.starts[:-1]
        for row in np.flatnonzero(sizes > DOCUMENT_BYTES_MAX).tolist():
            reason = f"document is {sizes[row]} bytes long: the limit is {DOCUMENT_BYTES_MAX}; split it"
            found[row] = WriteError("document_too_large", reason, 413)
