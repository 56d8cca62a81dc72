"""How a field scores: BM25 with its two numbers, or every term by its boost."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from schemas.errors import illegal_argument


@dataclass(frozen=True, slots=True)
class Similarity:
    """How a field scores: ``kind`` BM25 (with k1 and b) or boolean (every term scores its boost)."""

    kind: str = "BM25"
    k1: float = 1.2
    b: float = 0.75


BUILT_IN_SIMILARITIES: Mapping[str, Similarity] = {"BM25": Similarity(), "boolean": Similarity("boolean")}


def parse_similarities(settings: Mapping[str, Any]) -> Mapping[str, Similarity]:
    """The ``index.similarity`` object of an index's settings: ``{"mine": {"type": "BM25", "k1": 2, "b": 0.5}}``.

    Raises ``illegal_argument`` for other types than BM25 and boolean, and for numbers out of their range.
    """
    found = {}
    for name, body in settings.items():
        kind = str(body.get("type", "")) if isinstance(body, Mapping) else ""
        if kind not in BUILT_IN_SIMILARITIES:
            raise illegal_argument(f"Unknown Similarity type [{kind}] for [{name}]: use BM25 or boolean")
        k1, b = (_number(name, key, body.get(key, default)) for key, default in (("k1", 1.2), ("b", 0.75)))
        if k1 < 0:
            raise illegal_argument(f"illegal k1 value: {k1}, must be a non-negative finite value")
        if not 0 <= b <= 1:
            raise illegal_argument(f"illegal b value: {b}, must be between 0 and 1")
        found[name] = Similarity(kind, k1, b)
    return found


def similarities_of(settings: Mapping[str, str]) -> Mapping[str, Similarity]:
    """The similarities that an index's flat settings name (``similarity.mine.k1``). Raises ``illegal_argument``."""
    bodies: dict[str, dict[str, str]] = {}
    for dotted, value in settings.items():
        kind, _, rest = dotted.partition(".")
        name, _, key = rest.rpartition(".")
        if kind == "similarity" and name:
            bodies.setdefault(name, {})[key] = value
    return parse_similarities(bodies)


def _number(name: str, key: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = float("nan")
    if not abs(number) < float("inf"):
        raise illegal_argument(f"[{key}] of similarity [{name}] must be a finite number, not [{value}]")
    return number
