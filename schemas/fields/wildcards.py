"""Names and patterns in which ``*`` stands for anything, as Elasticsearch compares them everywhere. Pure."""

from collections.abc import Iterable


def fits(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern. Linear: the parts between stars are looked for one after the other, each as early as it can be."""
    head, *rest = pattern.split("*")
    if not rest:
        return pattern == name
    tail = rest.pop()
    if not name.startswith(head) or len(name) < len(head) + len(tail) or not name.endswith(tail):
        return False
    at, end = len(head), len(name) - len(tail)
    for part in rest:
        found = name.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def fits_any(patterns: Iterable[str], name: str) -> bool:
    """Whether a name fits one of some patterns."""
    return any(fits(pattern, name) for pattern in patterns)
