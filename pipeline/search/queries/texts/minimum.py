"""``minimum_should_match``: how many of some optional clauses must match, in Elasticsearch's small language.

3     three               -1      all but one
75%   of them, downwards  -25%    a quarter may be missing (downwards)
2<75% up to two: all; more: 75%          3<-1 5<2   several such conditions, the last that holds counts
"""

import re
from typing import Final

from schemas.errors import invalid

_AROUND_LESS: Final = re.compile(r"(\s+<\s*)|(\s*<\s+)")


def minimum_should_match(spec: str, clauses: int) -> int:
    """The number for so many clauses, never below 0. Raises ``number_format``."""
    spec = spec.strip()
    if "<" not in spec:
        return max(0, _simple(spec, clauses))
    result = clauses
    for condition in _AROUND_LESS.sub("<", spec).split():
        bound, _, then = condition.partition("<")
        if clauses <= _integer(bound):
            return result
        result = max(0, _simple(then, clauses))
    return result


def _simple(spec: str, clauses: int) -> int:
    if spec.endswith("%"):
        share = clauses * _integer(spec[:-1])
        part = abs(share) // 100  # towards zero
        return clauses - part if share < 0 else part
    count = _integer(spec)
    return clauses + count if count < 0 else count


def _integer(text: str) -> int:
    try:
        return int(text)
    except ValueError as error:
        message = f'For input string: "{text}"'
        raise invalid("number_format", message) from error
