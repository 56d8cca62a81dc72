"""What a log refuses, worded once for all adapters."""

import numpy as np

from schemas.errors import ErrorKind, SedimentError, conflict, invalid, not_found, unavailable
from schemas.ids import TopicName
from schemas.limits import PARTITIONS_MAX
from schemas.records import AppendBatch


def offset_out_of_range(offset: int, begin: int, end: int) -> SedimentError:
    """The log does not have this offset, no longer or not yet."""
    return invalid(
        "offset_out_of_range",
        f"offset {offset} is outside of the log, which holds {begin} up to {end}; "
        "read from its beginning, or restore a snapshot that is newer than it",
        offset=offset,
        begin_offset=begin,
        end_offset=end,
    )


def topic_not_found(topic: TopicName) -> SedimentError:
    """No such topic."""
    return not_found("topic_not_found", f"no such topic [{topic}]", topic=topic)


def partition_not_found(topic: TopicName, partition: int, partitions: int) -> SedimentError:
    """The topic has fewer partitions."""
    return not_found(
        "partition_not_found",
        f"topic [{topic}] has partitions 0 to {partitions - 1}, not {partition}",
        topic=topic,
        partition=partition,
    )


def topic_exists(topic: TopicName) -> SedimentError:
    """The topic is there already."""
    return conflict("topic_exists", f"topic [{topic}] exists already", topic=topic)


def topic_recreated(topic: TopicName) -> SedimentError:
    """The topic of this name is another one now."""
    return conflict(
        "topic_recreated",
        f"topic [{topic}] was deleted and created again: its offsets mean other records now; "
        "rebuild the index from the new topic",
        topic=topic,
    )


def log_closed() -> SedimentError:
    """The log was closed under the caller."""
    return unavailable("log_closed", "the log was closed; open it again")


def log_unwritable(path: object, reason: str) -> SedimentError:
    """The disk did not take what was appended."""
    return unavailable(
        "log_unwritable",
        f"cannot write the log in {path}: {reason}; free space or mend the disk, then send it again",
        path=str(path),
    )


def log_unreadable(failure: OSError) -> SedimentError:
    """The disk did not give what was stored."""
    return unavailable(
        "log_unreadable",
        f"cannot read the log: {failure}; mend the disk or restore the data directory",
    )


def log_locked(path: object, holder: str) -> SedimentError:
    """Another process has the data directory."""
    return unavailable(
        "log_locked",
        f"{path} is in use by another process ({holder}); stop it, or name another data directory",
        path=str(path),
    )


def check_partition_count(partitions: int) -> None:
    """A topic has 1 to PARTITIONS_MAX partitions."""
    if not 1 <= partitions <= PARTITIONS_MAX:
        raise invalid("invalid_partitions", f"a topic has 1 to {PARTITIONS_MAX} partitions, not {partitions}")


def check_document_sizes(batch: AppendBatch, document_bytes_max: int) -> None:
    """Refuse a batch with a value that no adapter could hand on; nothing of it is appended."""
    starts = batch.values.starts
    lengths = starts[1:] - starts[:-1]
    if len(lengths) == 0 or int(lengths.max()) <= document_bytes_max:
        return
    row = int(np.argmax(lengths > document_bytes_max))
    raise SedimentError(
        ErrorKind.TOO_LARGE,
        "document_too_large",
        f"document {row} of the batch has {int(lengths[row])} bytes, the log takes {document_bytes_max}; "
        "split it, or raise the limit",
        details={"row": row, "bytes": int(lengths[row]), "bytes_max": document_bytes_max},
    )
