"""IP addresses, against the standard library."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pipeline.json_columns.addresses import format_ip, parse_ip, parse_ips
from schemas.errors import SedimentError
from schemas.records import ByteColumn

texts = st.one_of(
    st.ip_addresses().map(str),
    st.ip_addresses(v=6).map(lambda address: address.exploded.upper()),
    st.text("0123456789abcdefF:.", max_size=20),
    st.lists(st.sampled_from([":", "::", "0", "1", "ffff", "1.2.3.4", "12345", "256", "01", "."]), max_size=10).map(
        "".join
    ),
)


def expected(text: str) -> bytes | None:
    """What the standard library makes of it."""
    try:
        found = ip_address(text)
    except ValueError:
        return None
    return found.packed if isinstance(found, IPv6Address) else bytes(10) + b"\xff\xff" + found.packed


@given(st.lists(texts, max_size=20))
@example(
    [
        "::",
        "1::",
        "::1",
        ":1",
        "1:",
        "1::2::3",
        "1:2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7::",
        "::2:3:4:5:6:7:8",
        "1:2:3:4:5:6:7:8::",
        "::1.2.3.4",
        "1:2:3:4:5:6:1.2.3.4",
        "1:2:3:4:5:6:7:1.2.3.4",
        "1.2.3.4.5",
        "1.2.3",
        "",
        ":::",
        "1.2.3.04",
    ]
)
def test_columns_agree_with_the_standard_library(values: list[str]) -> None:
    """The same addresses are taken, with the same bytes."""
    found, bad = parse_ips(ByteColumn.of([value.encode() for value in values]))
    assert [None if wrong else found[i] for i, wrong in enumerate(bad)] == [expected(value) for value in values]


@given(st.ip_addresses())
def test_addresses_survive_a_round_trip(address: IPv4Address | IPv6Address) -> None:
    """What is written reads as the same address; IPv4 stays IPv4."""
    assert parse_ip(format_ip(parse_ip(str(address)))) == parse_ip(str(address))
    if isinstance(address, IPv4Address):
        assert format_ip(parse_ip(str(address))) == str(address)


def test_zones_and_words_are_no_addresses() -> None:
    """A scope id, a name or a prefix length is refused with Elasticsearch's words."""
    for text in ("fe80::1%eth0", "localhost", "10.0.0.0/8"):
        with pytest.raises(SedimentError, match="is not an IP string literal"):
            parse_ip(text)
