"""What Kafka's errors mean, and its client's chatter."""

import logging

import pytest

from pipeline.log.kafka_errors import LINE_EVERY_SECONDS, Sparingly, refusal
from schemas.errors import ErrorKind
from schemas.ids import TopicName


@pytest.mark.parametrize(
    ("name", "kind", "code"),
    [
        ("UNKNOWN_TOPIC_OR_PART", ErrorKind.NOT_FOUND, "topic_not_found"),
        ("TOPIC_ALREADY_EXISTS", ErrorKind.CONFLICT, "topic_exists"),
        ("MSG_SIZE_TOO_LARGE", ErrorKind.TOO_LARGE, "document_too_large"),
        ("TOPIC_AUTHORIZATION_FAILED", ErrorKind.FORBIDDEN, "log_forbidden"),
        ("INVALID_CONFIG", ErrorKind.INVALID, "illegal_argument"),
        ("_TIMED_OUT", ErrorKind.UNAVAILABLE, "log_unavailable"),
        ("SOMETHING_NEW", ErrorKind.UNAVAILABLE, "log_unavailable"),
    ],
)
def test_each_error_has_its_kind(name: str, kind: ErrorKind, code: str) -> None:
    """What is not known may succeed later."""
    error = refusal(name, "text", TopicName("books"))
    assert (error.kind, error.code) == (kind, code)
    assert "[books]" in error.message


def test_a_line_of_a_kind_passes_once_in_a_while() -> None:
    """A broker that is away costs a line every half minute, not one for each attempt."""
    sparingly = Sparingly()

    def passes(text: str, at: float) -> bool:
        record = logging.LogRecord("kafka", logging.ERROR, "", 0, text, (), None)
        record.created = at
        return sparingly.filter(record)

    assert passes("FAIL [one]", 1000.0)
    assert not passes("FAIL [two]", 1001.0)
    assert passes("GETPID [one]", 1001.0)
    assert passes("FAIL [one]", 1000.0 + LINE_EVERY_SECONDS)
