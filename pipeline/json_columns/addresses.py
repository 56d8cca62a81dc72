"""IP addresses as 16 bytes, in network order; IPv4 mapped into IPv6."""

from ipaddress import IPv6Address

import numpy as np

from pipeline.json_columns.kernels.address_kernels import parse_ip_column
from pipeline.json_columns.scanner import readonly
from pipeline.kernels.arrays import BoolArray
from schemas.errors import illegal_argument
from schemas.limits import READABLE_PAD_BYTES
from schemas.records import ByteColumn

ADDRESS_BYTES = 16


def parse_ips(values: ByteColumn) -> tuple[ByteColumn, BoolArray]:
    """Each value as 16 bytes (padded before and after), and bool[v]: is it no address? Its bytes then mean nothing."""
    count = len(values)
    out = np.zeros(ADDRESS_BYTES * count + 2 * READABLE_PAD_BYTES, np.uint8)
    bad = np.empty(count, np.uint8)
    parse_ip_column(readonly(values.data), readonly(values.starts), out, READABLE_PAD_BYTES, bad)
    starts = READABLE_PAD_BYTES + ADDRESS_BYTES * np.arange(count + 1, dtype=np.int64)
    return ByteColumn(out, starts), bad != 0


def parse_ip(text: str) -> bytes:
    """One address. Raises ``illegal_argument``."""
    values, bad = parse_ips(ByteColumn.of([text.encode()]))
    if bad[0]:
        raise illegal_argument(f"'{text}' is not an IP string literal.")
    return values[0] or b""


def format_ip(address: bytes) -> str:
    """An address as Elasticsearch shows it: IPv4 where it is mapped, else the shortest lower-case IPv6."""
    found = IPv6Address(address)
    return str(found.ipv4_mapped or found)
