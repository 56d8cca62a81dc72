"""Settings ``analysis.*``: flat texts in an index's settings, lists with a number for each element; and the tree that they mean.

    {"analysis": {"filter": {"mine": {"type": "stop", "stopwords": ["a", "b"]}}}}
    analysis.filter.mine.type: stop      analysis.filter.mine.stopwords.0: a      analysis.filter.mine.stopwords.1: b

An index mapping carries them as one JSON text: texts are compared and hashed once, so that analyzers can be kept by it.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

PREFIX: Final = "analysis."
_LIMITS: Final = ("max_ngram_diff", "max_shingle_diff")
Tree = Mapping[str, Any]


def flatten(name: str, value: Any) -> Iterator[tuple[str, str | None]]:
    """(dotted name, text) of a setting, nested or not."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from flatten(f"{name}.{key}", inner)
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from flatten(f"{name}.{i}", inner)
        if not value:
            yield name, ""
    elif isinstance(value, bool):
        yield name, "true" if value else "false"
    else:
        yield name, None if value is None else str(value)


def analysis_of(settings: Mapping[str, str]) -> str:
    """What an index's settings say of analysis, as JSON; empty where they say nothing."""
    if not any(name.startswith(PREFIX) for name in settings):
        return ""
    told = {n: v for n, v in settings.items() if n.startswith(PREFIX) or n in _LIMITS}
    return json.dumps(told, sort_keys=True, separators=(",", ":"))


def tree_of(analysis: str) -> Tree:
    """Components by kind and name, each with its parameters; and the limits."""
    flat: Mapping[str, str] = json.loads(analysis) if analysis else {}
    root: dict[str, Any] = {}
    for dotted, text in flat.items():
        parts = dotted.removeprefix(PREFIX).split(".")
        node = root
        for part in parts[:-1]:
            inner = node.get(part)
            if not isinstance(inner, dict):  # a value and a parent at once: the parent counts
                inner = node[part] = {}
            node = inner
        if not isinstance(node.get(parts[-1]), dict):
            node[parts[-1]] = text
    return {key: _listed(value) for key, value in root.items()}


def nested(value: Any) -> Any:
    """A rendered tree with lists in place of numbered objects."""
    return _listed(value)


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdecimal() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(inner) for key, inner in value.items()}
