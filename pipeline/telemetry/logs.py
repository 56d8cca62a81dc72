"""Structured lines with trace ids.

As JSON, one object a line on standard error: time, level, logger, message, then the fields that the caller
gave, then the ids of the current trace and span. A call gives fields as
`log.info("segment flushed", extra={"fields": {"documents": 10}})`.
As text, the same for a person, without the ids.
"""

import logging
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

import orjson
from opentelemetry import trace
from typing_extensions import override

RESERVED = frozenset({"time", "level", "logger", "message", "trace_id", "span_id", "error"})
FIELD_CHARACTERS_MAX = 8_192


class JsonLines(logging.Formatter):
    """A log record as one line of JSON."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """Never raises: what JSON cannot say is written as its text."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage()[:FIELD_CHARACTERS_MAX],
        }
        fields = getattr(record, "fields", None) or {}
        line |= {f"field_{name}" if name in RESERVED else name: value for name, value in fields.items()}
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            line["trace_id"] = trace.format_trace_id(context.trace_id)
            line["span_id"] = trace.format_span_id(context.span_id)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)[-FIELD_CHARACTERS_MAX:]
        return encode(line)


def encode(line: dict[str, Any]) -> str:
    """JSON on one line; a second try with everything as text, for what orjson refuses."""
    options = orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    try:
        return orjson.dumps(line, default=str, option=options).decode()
    except (TypeError, ValueError):
        safe = {printable(name): printable(value) for name, value in line.items()}
        return orjson.dumps(safe).decode()


def printable(value: object) -> str:
    """A value's text, with lone surrogates escaped: UTF-8 has none."""
    return str(value).encode("utf-8", "backslashreplace").decode()


class Text(logging.Formatter):
    """A log record for a person at a terminal: time, level, logger, message, fields."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback below it."""
        moment = datetime.fromtimestamp(record.created, UTC).strftime("%H:%M:%S")
        fields = getattr(record, "fields", None) or {}
        shown = "".join(f" {name}={printable(value)}" for name, value in fields.items())
        line = f"{moment} {record.levelname.lower():7} {record.name}: {printable(record.getMessage())}{shown}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def configure(level: str, log_format: Literal["text", "json"], stream: TextIO) -> None:
    """Send every logger's lines to one stream. Composition roots only."""
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonLines() if log_format == "json" else Text())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
