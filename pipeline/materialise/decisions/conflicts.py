"""Version conflicts in Elasticsearch's words."""

from pipeline.materialise.decisions.runs import Run
from schemas.events import Op, VersionType
from schemas.outcomes import WriteError


def conflict_of(run: Run, row: int, *, seq_no: int, version: int, primary_term: int) -> WriteError:
    """Why a row was refused, given its document's sequence number (-1: no document) and version."""
    return WriteError("version_conflict_engine", _words(run, row, seq_no, version, primary_term), 409)


def _words(run: Run, row: int, seq_no: int, version: int, primary_term: int) -> str:
    demands = run.demands
    start = f"[{(run.ids[row] or b'').decode(errors='replace')}]: version conflict,"
    if demands.if_seq_no[row] >= 0:
        term = max(1, int(demands.if_primary_term[row]))
        wanted = f"required seqNo [{demands.if_seq_no[row]}], primary term [{term}]"
        if seq_no < 0:
            return f"{start} {wanted}. but no document was found"
        return f"{start} {wanted}. current document has seqNo [{seq_no}] and primary term [{primary_term}]"
    if demands.ops[row] == Op.CREATE and demands.version_type[row] == VersionType.INTERNAL:
        return f"{start} document already exists (current version [{version}])"
    relation = "higher or equal to" if demands.version_type[row] == VersionType.EXTERNAL else "higher than"
    return f"{start} current version [{version}] is {relation} the one provided [{demands.version[row]}]"
