"""The slow, obvious twin of ``decide``: one record at a time over a dict, with Elasticsearch's rules spelled out."""

from dataclasses import dataclass


@dataclass
class Doc:
    """A document that was written at least once."""

    seq_no: int
    version: int
    deleted: bool
    offset: int


@dataclass
class Write:
    """One record."""

    op: str
    id: str
    offset: int
    if_seq_no: int | None = None
    if_primary_term: int | None = None
    version: int | None = None
    version_type: str = "internal"


class Model:
    """A partition as a dict."""

    def __init__(self, primary_term: int, forget_after: int) -> None:
        self.docs: dict[str, Doc] = {}
        self.next_seq_no = 0
        self.primary_term = primary_term
        self.forget_after = forget_after

    def apply(self, write: Write) -> tuple[str, int, int]:
        """(result, sequence number, version)."""
        doc = self.docs.get(write.id)
        alive = doc is not None and not doc.deleted
        if doc is not None and doc.deleted and write.offset - doc.offset > self.forget_after:
            doc = None
        version = 0 if doc is None else doc.version
        if self.clashes(write, doc, alive):
            return "conflict", doc.seq_no if doc is not None and alive else -1, version
        new = write.version if write.version_type != "internal" else version + 1
        assert new is not None
        deletes = write.op == "delete"
        self.docs[write.id] = Doc(self.next_seq_no, new, deletes, write.offset)
        self.next_seq_no += 1
        if deletes:
            return "deleted" if alive else "not_found", self.next_seq_no - 1, new
        return "updated" if alive else "created", self.next_seq_no - 1, new

    def clashes(self, write: Write, doc: Doc | None, alive: bool) -> bool:
        """Whether a demand of the write is not met."""
        if write.op == "create" and alive:
            return True
        if write.if_seq_no is not None:
            if doc is None or not alive or doc.seq_no != write.if_seq_no:
                return True
            return write.if_primary_term is not None and write.if_primary_term != self.primary_term
        if doc is None or write.version_type == "internal":
            return False
        assert write.version is not None
        return write.version <= doc.version if write.version_type == "external" else write.version < doc.version
