"""Index settings of the REST API to flat texts and back: ``index.number_of_shards`` → ``number_of_shards: "1"``. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from pipeline.analysis.definitions.flat import nested
from pipeline.catalog.state import IndexState
from pipeline.ingest.indices import KNOWN_PREFIXES, KNOWN_SETTINGS, flattened, is_fixed
from query_api.elastic.wire.blocks import BLOCKS
from schemas.errors import SedimentError, illegal_argument
from schemas.limits import FIELDS_MAX, PARTITIONS_MAX, RESULT_WINDOW_MAX

CREATED_VERSION = "136408127"  # OpenSearch 2.19.0 as an index's settings show it
_DEFAULTS: Mapping[str, str] = {
    "refresh_interval": "100ms",
    "max_result_window": str(RESULT_WINDOW_MAX),
    "mapping.total_fields.limit": str(FIELDS_MAX),
    "number_of_replicas": "0",
    "hidden": "false",
}
_TIME = re.compile(r"-1|\d+(?:\.\d+)?(?:nanos|micros|ms|s|m|h|d)|0")


def flatten(settings: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(dotted name, value) of nested and dotted settings alike."""
    if not isinstance(settings, Mapping):
        raise illegal_argument("settings must be an object")
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from flatten(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def normalise(settings: Any) -> dict[str, str | None]:
    """Flat names without ``index.``, values as text; None resets. Raises ``illegal_argument`` for what is no setting."""
    found: dict[str, str | None] = {}
    for dotted, value in flatten(settings):
        name = dotted.removeprefix("settings.").removeprefix("index.")
        for one, text in flattened(name, value).items():
            _check(one, text)
            found[one] = text
    return found


def _check(name: str, text: str | None) -> None:
    if name not in KNOWN_SETTINGS and not name.startswith(KNOWN_PREFIXES):
        raise unknown_setting(name)
    if text is None:
        return
    if name == "number_of_shards":
        _number(name, text, 1, PARTITIONS_MAX)
    elif name == "number_of_replicas":
        _number(name, text, 0, PARTITIONS_MAX)
    elif name in {"max_result_window", "mapping.total_fields.limit"}:
        _number(name, text, 1, (1 << 31) - 1)
    elif name.startswith("blocks."):
        _block(name, text)
    elif name == "refresh_interval" and not _TIME.fullmatch(text):
        raise illegal_argument(
            f"failed to parse setting [index.refresh_interval] with value [{text}] as a time value: unit is missing or unrecognized"
        )


def _block(name: str, text: str) -> None:
    if name.removeprefix("blocks.") not in BLOCKS:
        raise unknown_setting(name)
    if text not in {"true", "false"}:
        raise illegal_argument(f"Failed to parse value [{text}] as only [true] or [false] are allowed.")


def unknown_setting(name: str) -> SedimentError:
    """There is no such setting."""
    return illegal_argument(
        f"unknown setting [index.{name}] please check that any required plugins are installed, "
        "or check the breaking changes documentation for removed settings"
    )


def _number(name: str, text: str, low: int, high: int) -> None:
    if not re.fullmatch(r"[+-]?\d{1,18}", text, re.ASCII):
        raise illegal_argument(f"Failed to parse value [{text}] for setting [index.{name}]")
    if int(text) < low:
        raise illegal_argument(f"Failed to parse value [{text}] for setting [index.{name}] must be >= {low}")
    if int(text) > high:
        raise illegal_argument(f"Failed to parse value [{text}] for setting [index.{name}] must be <= {high}")


def check_dynamic(state: IndexState, settings: Mapping[str, str | None]) -> None:
    """Raises ``illegal_argument`` for settings that an index keeps for life."""
    fixed = sorted(n for n in settings if is_fixed(n))
    if fixed:
        shown = ", ".join(f"index.{n}" for n in fixed)
        raise illegal_argument(
            f"Can't update non dynamic settings [[{shown}]] for open indices [[{state.name}/{state.uuid}]]"
        )


def shown(state: IndexState) -> dict[str, str]:
    """All settings of an index with their full names, the server's own included."""
    settings = {f"index.{k}": v for k, v in state.settings.items()}
    return {
        "index.number_of_shards": str(state.partitions),
        "index.number_of_replicas": "0",
        **settings,
        "index.provided_name": state.name,
        "index.creation_date": str(state.created_ms),
        "index.uuid": state.uuid,
        "index.version.created": CREATED_VERSION,
    }


def defaults(state: IndexState) -> dict[str, str]:
    """Settings that the index does not name."""
    return {f"index.{k}": v for k, v in _DEFAULTS.items() if k not in state.settings}


def nest(flat: Mapping[str, str]) -> dict[str, Any]:
    """``{"index.a.b": "c"}`` to nested objects; a name that is both a value and a parent stays dotted. Lists of analysis are lists."""
    root: dict[str, Any] = {}
    for dotted, value in sorted(flat.items()):
        *parents, name = dotted.split(".")
        node = root
        for depth, parent in enumerate(parents):
            child = node.setdefault(parent, {})
            if not isinstance(child, dict):
                name = ".".join([*parents[depth:], name])
                break
            node = child
        node[name] = value
    index = root.get("index")
    if isinstance(index, dict) and "analysis" in index:
        index["analysis"] = nested(index["analysis"])
    return root
