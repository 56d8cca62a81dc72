"""Every setting, one frozen model per component; no component reads the environment.

``settings_from`` lays four layers over each other: defaults, a TOML file, ``SEDIMENT_*`` variables, flags. A nested setting
``memory.writes_bytes`` is ``[memory] writes_bytes`` in the file, ``SEDIMENT_MEMORY_WRITES_BYTES`` in the environment and
``--memory-writes-bytes`` as a flag. Sizes may be written ``64mb``, durations ``100ms``, ``5s``, ``-1``.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, TypeVar

from schemas.errors import illegal_argument
from schemas.limits import PARTITIONS_MAX, REQUEST_BYTES_MAX

T = TypeVar("T")
PREFIX = "SEDIMENT_"
_SIZES = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
_DURATIONS = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}


def _doc(text: str, default: Any) -> Any:
    return field(default=default, metadata={"doc": text})


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The log: embedded in the data folder, or Kafka."""

    topic_prefix: str = _doc("put before every topic name of ours", "")
    path: str = _doc("embedded log: its folder; empty: log in the data folder", "")
    until: str = _doc(
        "show topics as they were before an offset, TOPIC=OFFSET or TOPIC/PARTITION=OFFSET; nothing can be written", ""
    )
    segment_bytes: int = _doc("embedded log: bytes after which a new file begins", 256 << 20)
    cache_bytes: int = _doc("embedded log: newest bytes kept in memory for readers, of all partitions", 64 << 20)
    replication: int = _doc("Kafka: replicas of a new topic; -1: the brokers' default", -1)


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """When a partition's rows become visible, and durable in the index."""

    refresh_ms: int = _doc("applied rows become visible after this; -1: only when asked", 100)
    flush_ms: int = _doc("applied rows become durable in the index after this", 5_000)
    flush_bytes: int = _doc("applied source bytes after which they become durable", 64 << 20)
    verify_ms: int = _doc("a sample of every partition is compared with its log this often; -1: never", 600_000)
    auto_create: bool = _doc("a write to a missing index creates it (action.auto_create_index)", True)


@dataclass(frozen=True, slots=True, kw_only=True)
class MemorySettings:
    """Budgets in bytes."""

    arrays_bytes: int = _doc("segment arrays kept in memory", 512 << 20)
    search_bytes: int = _doc("what searches of all partitions remember: filters, columns, counts, answers", 192 << 20)
    stores_bytes: int = _doc("write buffers and blocks of all partitions' stores", 128 << 20)
    writes_bytes: int = _doc("requests in flight on their way to the log; beyond it: 429", 256 << 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSettings:
    """Threads; 0 chooses by the number of cores."""

    search: int = _doc("searches at the same time", 0)
    partitions: int = _doc("partitions of all searches asked at the same time", 0)
    write: int = _doc("bulk requests at the same time, and as many other writes (they mostly wait)", 32)
    merge: int = _doc("merges at the same time", 1)
    queue_max: int = _doc("requests waiting for a thread; beyond it: 429", 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """Bounds that an operator may tighten."""

    request_bytes: int = _doc("largest HTTP body; beyond it: 413", REQUEST_BYTES_MAX)
    search_timeout_ms: int = _doc("deadline of a search that names none", 60_000)
    write_timeout_ms: int = _doc("how long a write waits for its decision", 60_000)
    disk_free_bytes: int = _doc("less free space than this: health is red", 1 << 30)
    lag_records: int = _doc("a partition further behind than this: health is yellow", 100_000)
    dead_letters: int = _doc("a partition with more dead letters that wait to be sent again: health is yellow", 1_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetrySettings:
    """Logs, metrics, traces."""

    log_level: str = _doc("debug, info, warning, error", "info")
    log_format: Literal["text", "json"] = _doc("text or json", "text")
    otlp_endpoint: str = _doc("where traces go (OTLP over HTTP); empty: nowhere", "")
    trace_ratio: float = _doc("share of requests that are traced", 1.0)

    def __post_init__(self) -> None:
        if self.log_format not in {"text", "json"}:
            raise illegal_argument(f"telemetry.log_format must be text or json, but was [{self.log_format}]")
        if not 0.0 <= self.trace_ratio <= 1.0:
            raise illegal_argument(f"telemetry.trace_ratio must be between 0 and 1, but was [{self.trace_ratio}]")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """One process with all roles."""

    data: str = _doc("folder of everything that is kept", "data")
    host: str = _doc("address to listen on", "127.0.0.1")
    port: int = _doc("port to listen on; 0: any that is free", 9200)
    partitions: int = _doc("partitions of a new index that names none", 1)
    kafka: str = _doc("bootstrap servers; empty: the embedded log", "")
    cluster_name: str = _doc("shown to clients", "sediment")
    node_name: str = _doc("shown to clients", "sediment-0")
    log: LogSettings = field(default_factory=LogSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    memory: MemorySettings = field(default_factory=MemorySettings)
    threads: ThreadSettings = field(default_factory=ThreadSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    telemetry: TelemetrySettings = field(default_factory=TelemetrySettings)

    def __post_init__(self) -> None:
        if not 1 <= self.partitions <= PARTITIONS_MAX:
            raise illegal_argument(f"partitions must be between 1 and {PARTITIONS_MAX}, but was [{self.partitions}]")
        if not 0 <= self.port <= 65_535:
            raise illegal_argument(f"port must be between 0 and 65535, but was [{self.port}]")


@dataclass(frozen=True, slots=True)
class SettingName:
    """One setting as each layer calls it, with what it is for: the reference page and the flags are made from this."""

    path: str  # memory.writes_bytes
    default: Any
    doc: str

    @property
    def variable(self) -> str:
        """``SEDIMENT_MEMORY_WRITES_BYTES``."""
        return PREFIX + self.path.replace(".", "_").upper()

    @property
    def flag(self) -> str:
        """``--memory-writes-bytes``."""
        return "--" + self.path.replace(".", "-").replace("_", "-")


def setting_names(model: type[Any] = ServeSettings, prefix: str = "") -> Iterator[SettingName]:
    """Every setting of a model, nested ones included, in order of definition."""
    example = model()
    for one in fields(model):
        value = getattr(example, one.name)
        if is_dataclass(value):
            yield from setting_names(type(value), f"{prefix}{one.name}.")
        else:
            yield SettingName(prefix + one.name, value, one.metadata.get("doc", ""))


def settings_from(
    *,
    file: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
) -> ServeSettings:
    """Defaults < file (nested tables) < environment < flags (dotted paths, None: not given).

    Raises ``illegal_argument`` for a name that is no setting and a value that is not of its kind.
    """
    names = {n.path: n for n in setting_names()}
    values = dict(_flatten(file or {}, ""))
    by_variable = {n.variable: n.path for n in names.values()}
    values |= {by_variable[k]: v for k, v in (environment or {}).items() if k in by_variable}
    values |= {k: v for k, v in (flags or {}).items() if v is not None}
    unknown = sorted(set(values) - set(names))
    if unknown:
        raise illegal_argument(f"unknown setting [{unknown[0]}]; the settings are: {', '.join(names)}")
    return _build(ServeSettings, "", {k: _convert(names[k], v) for k, v in values.items()})


def _flatten(table: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in table.items():
        if isinstance(value, Mapping):
            yield from _flatten(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def _build(model: type[T], prefix: str, values: Mapping[str, Any]) -> T:
    given: dict[str, Any] = {}
    example = model()
    for one in fields(model):  # type: ignore[arg-type]  # every model is a dataclass
        part = getattr(example, one.name)
        if is_dataclass(part):
            given[one.name] = _build(type(part), f"{prefix}{one.name}.", values)
        elif prefix + one.name in values:
            given[one.name] = values[prefix + one.name]
    return model(**given)


def _convert(name: SettingName, value: Any) -> Any:
    kind = type(name.default)
    try:
        return _as_kind(name.path, kind, value)
    except (ValueError, TypeError):
        raise illegal_argument(
            f"failed to parse setting [{name.path}] with value [{value}]: expected {kind.__name__}"
        ) from None


def _as_kind(path: str, kind: type[Any], value: Any) -> Any:
    text = str(value).strip().lower()
    if kind is bool:
        if text not in _TRUE | _FALSE:
            raise ValueError(text)
        return text in _TRUE
    if kind is int and path.endswith("_bytes"):
        return parse_units(text, _SIZES)
    if kind is int and path.endswith("_ms"):
        return parse_units(text, _DURATIONS)
    return kind(str(value).strip()) if kind is not str else str(value)


def parse_units(text: str, units: Mapping[str, int]) -> int:
    """A whole number with a unit; ``-1`` needs none. Raises ``ValueError``."""
    match = re.fullmatch(r"(-?\d+)\s*([a-z]*)", text)
    if match is None or match[2] not in units:
        raise ValueError(text)
    return int(match[1]) if match[1] == "-1" else int(match[1]) * units[match[2]]
