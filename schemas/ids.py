"""The small names: what identifies an index, a partition, a row, a position in the log."""

from typing import NewType

IndexName = NewType("IndexName", str)
IndexUuid = NewType("IndexUuid", str)
TopicName = NewType("TopicName", str)
PartitionId = NewType("PartitionId", int)
LogOffset = NewType("LogOffset", int)
SchemaVersion = NewType("SchemaVersion", int)
SegmentId = NewType("SegmentId", str)
DocNumber = NewType("DocNumber", int)

NO_OFFSET = LogOffset(-1)
