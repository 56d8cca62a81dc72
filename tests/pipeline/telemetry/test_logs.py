"""Every log record becomes one line of JSON, whatever it holds."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from pipeline.telemetry import logs


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """The root logger writes here, and where it wrote before afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    out = io.StringIO()
    logs.configure("info", "json", out)
    yield out
    root.handlers[:] = handlers
    root.setLevel(level)


def test_fields_level_and_message(stream: io.StringIO) -> None:
    """What the caller gave, beside what the record knows."""
    log = logging.getLogger("pipeline.x")
    log.debug("not shown")
    log.warning("segment %s\nflushed", "s1", extra={"fields": {"documents": 10, "level": "mine"}})
    (line,) = stream.getvalue().splitlines()
    parsed = orjson.loads(line)
    assert parsed.pop("time").endswith("+00:00")
    assert parsed == {
        "level": "warning",
        "logger": "pipeline.x",
        "message": "segment s1\nflushed",
        "documents": 10,
        "field_level": "mine",
    }


def test_the_current_trace_is_named(stream: io.StringIO) -> None:
    """A line leads to its trace."""
    with TracerProvider(shutdown_on_exit=False).get_tracer("t").start_as_current_span("a") as span:
        logging.getLogger("x").info("in a span")
    parsed = orjson.loads(stream.getvalue())
    assert parsed["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert parsed["span_id"] == f"{span.get_span_context().span_id:016x}"


def test_an_exception_stays_on_the_line(stream: io.StringIO) -> None:
    """The traceback is a field."""
    try:
        raise ValueError("bad")
    except ValueError:
        logging.getLogger("x").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert "ValueError: bad" in orjson.loads(line)["error"]


def test_text_is_for_a_person(stream: io.StringIO) -> None:
    """A line with its fields, the traceback below it."""
    logs.configure("info", "text", stream)
    log = logging.getLogger("pipeline.x")
    log.info("flushed", extra={"fields": {"documents": 10}})
    try:
        raise ValueError("bad")
    except ValueError:
        log.exception("failed")
    first, second, *_, last = stream.getvalue().splitlines()
    assert first.endswith("info    pipeline.x: flushed documents=10")
    assert second.endswith("error   pipeline.x: failed")
    assert last == "ValueError: bad"


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=())),
        st.one_of(st.integers(), st.text(st.characters(exclude_categories=())), st.builds(object)),
    )
)
def test_anything_becomes_one_line(fields: dict[str, object]) -> None:
    """Lone surrogates, integers of any size, objects."""
    line = logs.encode(fields)
    assert "\n" not in line
    assert isinstance(orjson.loads(line), dict)
