"""A query's values as a field of the mapping understands them; errors in Elasticsearch's words."""

import ipaddress
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from typing import Final

import numpy as np

from schemas.errors import SedimentError, illegal_argument, invalid
from schemas.mapping import INTEGER_BOUNDS, Field, FieldType
from schemas.query import Scalar

TRUE: Final = b"T"  # as which booleans are counted in statistics
FALSE: Final = b"F"
_V4_PREFIX: Final = bytes(10) + b"\xff\xff"


def text_of(value: Scalar) -> str:
    """A JSON scalar as the text that a keyword field would have indexed for it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def not_a_number(value: Scalar) -> SedimentError:
    """Elasticsearch's (Java's) words for a text that is no number."""
    text = text_of(value)
    message = "empty String" if not text else f'For input string: "{text}"'
    return invalid("number_format", message)


def decimal_of(value: Scalar) -> Decimal:
    """The exact value of a number or of a text that is one. Raises ``number_format``."""
    try:
        number = Decimal(text_of(value).strip())
    except InvalidOperation as error:
        raise not_a_number(value) from error
    if not number.is_finite():
        raise not_a_number(value)
    return number


def integer_of(value: Scalar, field: Field) -> int | None:
    """The value if it is whole, None if it has a decimal part. Raises where it is no number or out of the type's range."""
    number = decimal_of(value)
    whole = _whole(number, value, field)
    low, high = INTEGER_BOUNDS[field.type]
    if not low <= whole <= high:
        article = "an" if field.type is FieldType.INTEGER else "a"
        message = f"Value [{text_of(value)}] is out of range for {article} {field.type.value}"
        raise illegal_argument(message)
    return whole if whole == number else None


def _whole(number: Decimal, value: Scalar, field: Field) -> int:
    if number.adjusted() > 30:  # 1e1000000000 is not written out
        message = f"Value [{text_of(value)}] is out of range for a {field.type.value}"
        raise illegal_argument(message)
    return int(number)


def integer_bound(value: Scalar, field: Field, *, lower: bool, inclusive: bool) -> int:
    """The whole number that bounds the same whole numbers inclusively: ``gt 1.5`` and ``gte 1.5`` are both ``>= 2``."""
    number = decimal_of(value)
    low, high = INTEGER_BOUNDS[field.type]
    if number.adjusted() > 30:
        return high + 1 if number > 0 else low - 1
    whole = int(number)  # towards zero
    if whole == number:
        return whole if inclusive else whole + (1 if lower else -1)
    if lower:
        return whole + 1 if number > 0 else whole
    return whole - 1 if number < 0 else whole


def float_of(value: Scalar, field: Field) -> float:
    """The value in the field's precision. Raises ``number_format``."""
    number = float(decimal_of(value))
    if field.type is FieldType.FLOAT:
        with np.errstate(over="ignore"):
            number = float(np.float32(number))
    return number


def float_bound(value: Scalar, field: Field, *, lower: bool, inclusive: bool) -> float:
    """The number that bounds the field's values inclusively."""
    number = float_of(value, field)
    if inclusive:
        return number
    towards = np.inf if lower else -np.inf
    if field.type is FieldType.FLOAT:
        return float(np.nextafter(np.float32(number), np.float32(towards)))
    return float(np.nextafter(number, towards))


def boolean_of(value: Scalar) -> bool:
    """True or false. Raises ``illegal_argument`` for any other text."""
    if isinstance(value, bool):
        return value
    text = text_of(value)
    if text in ("true", "false", ""):
        return text == "true"
    message = f"Can't parse boolean value [{text}], expected [true] or [false]"
    raise illegal_argument(message)


def address_of(value: Scalar) -> bytes:
    """The 16 bytes of an IP address, IPv4 mapped into IPv6. Raises ``illegal_argument``."""
    text = text_of(value)
    try:
        address = ipaddress.ip_address(text)
    except ValueError as error:
        message = f"'{text}' is not an IP string literal."
        raise illegal_argument(message) from error
    return _V4_PREFIX + address.packed if address.version == 4 else address.packed


def network_of(value: Scalar) -> tuple[bytes, bytes] | None:
    """First and last address of a CIDR block (``10.0.0.0/8``), None where the text is none. Raises ``illegal_argument``."""
    text = text_of(value)
    if "/" not in text:
        return None
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        message = f"Expected [ip/prefix] but was [{text}]"
        raise illegal_argument(message) from error
    return address_of(str(network[0])), address_of(str(network[-1]))


def shift(address: bytes, by: int) -> bytes | None:
    """The address before or after; None beyond the first or the last."""
    number = int.from_bytes(address, "big") + by
    if not 0 <= number < 1 << 128:
        return None
    return number.to_bytes(16, "big")


def distinct(terms: Iterable[bytes]) -> tuple[bytes, ...]:
    """Sorted, without repetition."""
    return tuple(sorted(set(terms)))
