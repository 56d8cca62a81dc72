"""JSON values as the DSL takes them: tokens, numbers, booleans, durations, unknown names.

Elasticsearch reads its bodies from a token stream and words its errors by token
(``VALUE_STRING``, ``START_OBJECT`` …); so do these functions, whose callers rely on two things:
what they return has the type they say, and what they raise is a ``SedimentError``.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NoReturn

from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.limits import QUERY_TEXT_CHARACTERS_MAX
from schemas.query import Scalar

Read = Callable[[str, Any], Any]
INT_MAX: Final = (1 << 31) - 1
LONG_MAX: Final = (1 << 63) - 1
SHOWN_CHARACTERS_MAX: Final = 200
_DURATION = re.compile(r"(-?\d+(?:\.\d+)?)\s*(nanos|micros|ms|s|m|h|d)")
_UNIT_MS: Final = {
    "nanos": 1e-6,
    "micros": 1e-3,
    "ms": 1.0,
    "s": 1e3,
    "m": 6e4,
    "h": 3.6e6,
    "d": 8.64e7,
}


def token(value: Any) -> str:
    """What Elasticsearch's parser would call the first token of this value."""
    if value is None:
        return "VALUE_NULL"
    if isinstance(value, bool):
        return "VALUE_BOOLEAN"
    if isinstance(value, int | float):
        return "VALUE_NUMBER"
    if isinstance(value, str):
        return "VALUE_STRING"
    return "START_OBJECT" if isinstance(value, Mapping) else "START_ARRAY"


def is_array(value: Any) -> bool:
    """Whether this is a JSON array."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def is_scalar(value: Any) -> bool:
    """Whether this is a string, a number or a boolean: not null, nothing with parts."""
    return isinstance(value, str | int | float)


def shown(value: Any) -> str:
    """The value as Java prints it, cut where it is long."""
    if value is None or isinstance(value, bool):
        text = {None: "null", True: "true", False: "false"}[value]
    elif isinstance(value, int) and value.bit_length() > 1000:
        text = f"a number of {value.bit_length()} bits"
    else:
        text = str(value)
    return text if len(text) <= SHOWN_CHARACTERS_MAX else text[:SHOWN_CHARACTERS_MAX] + "..."


def parsing(message: str, **details: Any) -> SedimentError:
    """Elasticsearch's ``parsing_exception``: the body does not have the form it must have."""
    return invalid("parsing", message, **details)


def suggestion(unknown: str, candidates: Iterable[str]) -> str:
    """`` did you mean [x]?`` with the candidates that resemble the name, or nothing."""
    near = sorted((-score, one) for one in candidates if (score := _resemblance(unknown, one)) > 0.5)
    names = [one for _, one in near]
    if not names:
        return ""
    listed = f"[{', '.join(names)}]"
    return f" did you mean {'' if len(names) == 1 else 'any of '}{listed}?"


def _resemblance(a: str, b: str) -> float:
    """1 - Levenshtein distance / the longer length, as Lucene's LevenshteinDistance."""
    longer = max(len(a), len(b))
    if longer == 0:
        return 1.0
    if abs(len(a) - len(b)) * 2 >= longer or longer > 100:
        return 0.0  # the distance is at least the difference of lengths
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        previous, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (x != y))
    return 1.0 - row[-1] / longer


def unknown_field(where: str, name: str, known: Iterable[str]) -> NoReturn:
    """Refuse a name as Elasticsearch's object parsers do."""
    raise invalid(
        "x_content_parse",
        f"[{where}] unknown field [{shown(name)}]{suggestion(name, known)}",
    )


def to_int(name: str, value: Any) -> int:
    """A 32-bit whole number; a string or an integral float is taken for one."""
    return _whole(name, value, INT_MAX, "int")


def to_long(name: str, value: Any) -> int:
    """A 64-bit whole number; a string or an integral float is taken for one."""
    return _whole(name, value, LONG_MAX, "long")


def _whole(name: str, value: Any, limit: int, kind: str) -> int:
    if isinstance(value, float) and not math.isfinite(value):
        raise illegal_argument(f"[{name}] must be a finite number but was [{value}]")
    if isinstance(value, str):
        try:
            number = int(value) if len(value) <= 30 else float(value)
        except ValueError:
            raise invalid("number_format", f'For input string: "{shown(value)}"') from None
        value = number if not isinstance(number, float) or math.isfinite(number) else limit + 1
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise parsing(f"[{name}] must be a number but found [{token(value)}]")
    if value != int(value):
        raise illegal_argument(f"{value} cannot be converted to Integer without data loss")
    if not -limit - 1 <= value <= limit:
        raise illegal_argument(f"Numeric value ({shown(value)}) out of range of {kind} ({-limit - 1} - {limit})")
    return int(value)


def to_float(name: str, value: Any) -> float:
    """A finite number; a string is taken for one."""
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise invalid("number_format", f'For input string: "{shown(value)}"') from None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise parsing(f"[{name}] must be a number but found [{token(value)}]")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise illegal_argument(f"[{name}] must be a finite number but was [{shown(value)}]")
    return number


def to_boost(name: str, value: Any) -> float:
    """A multiplier of scores, not negative."""
    boost = to_float(name, value)
    if boost < 0:
        raise illegal_argument(
            f"negative [{name}] are not allowed, but was [{boost}], use a value between 0 and 1 to deboost"
        )
    return boost


def to_bool(name: str, value: Any) -> bool:
    """A boolean, or one of the strings ``true`` and ``false``."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value in {"true", "false"}:
        return value == "true"
    if not is_scalar(value):
        raise parsing(f"[{name}] must be a boolean but found [{token(value)}]")
    raise illegal_argument(f"Failed to parse value [{shown(value)}] as only [true] or [false] are allowed.")


def to_text(name: str, value: Any) -> str:
    """A string; numbers and booleans are shown as one."""
    if not is_scalar(value):
        raise parsing(f"[{name}] must be a string but found [{token(value)}]")
    return _short_enough(name, value) if isinstance(value, str) else shown(value)


def _short_enough(name: str, text: str) -> str:
    if len(text) > QUERY_TEXT_CHARACTERS_MAX:
        raise illegal_argument(
            f"[{name}] is {len(text)} characters long: the limit is {QUERY_TEXT_CHARACTERS_MAX}; ask for less at once"
        )
    return text


def to_scalar(name: str, value: Any) -> Scalar:
    """A string, a finite number or a boolean."""
    if not is_scalar(value) or (isinstance(value, float) and not math.isfinite(value)):
        raise parsing(f"[{name}] must be a value but found [{token(value)}]")
    scalar: Scalar = _short_enough(name, value) if isinstance(value, str) else value
    return scalar


def to_texts(name: str, value: Any) -> tuple[str, ...]:
    """A string or an array of strings."""
    if is_array(value):
        return tuple(to_text(name, one) for one in value)
    return (to_text(name, value),)


def to_object(name: str, value: Any) -> Mapping[str, Any]:
    """A JSON object."""
    if not isinstance(value, Mapping):
        raise parsing(f"[{name}] must be an object but found [{token(value)}]")
    return value


def to_duration_ms(name: str, value: Any) -> float:
    """``10ms``, ``5s``, ``1.5h``, ``2d`` … in ms; ``-1`` and ``0`` need no unit."""
    text = to_text(name, value).strip()
    if text in {"-1", "0"}:
        return float(text)
    found = _DURATION.fullmatch(text.lower() if not text.endswith("M") else text)
    if found is None:
        raise illegal_argument(
            f"failed to parse setting [{name}] with value [{shown(value)}] as a time value: "
            "unit is missing or unrecognized"
        )
    ms = float(found[1]) * _UNIT_MS[found[2]]
    if not abs(ms) < LONG_MAX:
        raise illegal_argument(
            f"failed to parse setting [{name}] with value [{shown(value)}] as a time value: "
            "values greater than 9223372036854775807 milliseconds are not supported"
        )
    return ms


def one_of(values: Iterable[str], error: Callable[[str], SedimentError]) -> Read:
    """A reader that takes one of these words (any case), else raises what ``error`` makes of it."""
    allowed = frozenset(values)

    def read(name: str, value: Any) -> str:
        word = to_text(name, value)
        if word.lower() not in allowed:
            raise error(shown(word))
        return word.lower()

    return read


def read_object(where: str, body: Mapping[str, Any], readers: Mapping[str, Read]) -> dict[str, Any]:
    """Every value of an object by its reader; an unknown name is refused. Null counts as absent."""
    read = {}
    for name, value in body.items():
        if name not in readers:
            unknown_field(where, name, readers)
        if value is not None:
            read[name] = readers[name](name, value)
    return read
