"""What a Kafka error means to a caller, by the error's name; and how much of the client's own log is worth reading."""

import logging
from typing import Final

from typing_extensions import override

from pipeline.log.refusals import topic_exists, topic_not_found
from schemas.errors import ErrorKind, SedimentError, invalid, unavailable
from schemas.ids import TopicName

LINE_EVERY_SECONDS: Final = 30
NO_TOPIC: Final = frozenset({"UNKNOWN_TOPIC_OR_PART", "UNKNOWN_TOPIC_ID", "_UNKNOWN_TOPIC", "_UNKNOWN_PARTITION"})
TOO_LARGE: Final = frozenset({"MSG_SIZE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"})
OUT_OF_RANGE: Final = frozenset({"_AUTO_OFFSET_RESET", "OFFSET_OUT_OF_RANGE"})
FORBIDDEN: Final = frozenset(
    {
        "TOPIC_AUTHORIZATION_FAILED",
        "CLUSTER_AUTHORIZATION_FAILED",
        "_AUTHENTICATION",
        "SASL_AUTHENTICATION_FAILED",
    }
)
WRONG: Final = frozenset(
    {
        "INVALID_CONFIG",
        "TOPIC_EXCEPTION",
        "INVALID_PARTITIONS",
        "INVALID_REPLICATION_FACTOR",
        "POLICY_VIOLATION",
        "_INVALID_ARG",
    }
)


def refusal(name: str, text: str, topic: TopicName) -> SedimentError:
    """The error to raise for what a broker, or the way to it, answered about a topic."""
    if name in NO_TOPIC:
        return topic_not_found(topic)
    if name == "TOPIC_ALREADY_EXISTS":
        return topic_exists(topic)
    if name in TOO_LARGE:
        return SedimentError(
            ErrorKind.TOO_LARGE,
            "document_too_large",
            f"Kafka refused a document of topic [{topic}] as too large; "
            "split it, or raise the topic's max.message.bytes",
            details={"topic": topic},
        )
    if name in FORBIDDEN:
        return SedimentError(
            ErrorKind.FORBIDDEN,
            "log_forbidden",
            f"Kafka does not allow this on topic [{topic}]: {text}; check credentials and ACLs",
            details={"topic": topic},
        )
    if name in WRONG:
        return invalid("illegal_argument", f"Kafka refused this for topic [{topic}]: {text}")
    return unavailable(
        "log_unavailable",
        f"Kafka cannot be used now for topic [{topic}]: {text}; "
        "check that the brokers run and can be reached, then try again",
        topic=topic,
        kafka=name,
    )


class Sparingly(logging.Filter):
    """Lets a client's line of one kind pass once in a while: it logs each attempt to reach a broker that is away."""

    def __init__(self) -> None:
        super().__init__()
        self._passed_at: dict[str, float] = {}

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        """A line's kind is its first word (FAIL, GETPID, ...); the time is the record's own."""
        kind = record.getMessage().partition(" ")[0]
        quiet = record.created - self._passed_at.get(kind, 0) < LINE_EVERY_SECONDS
        if not quiet:
            self._passed_at[kind] = record.created
        return not quiet
