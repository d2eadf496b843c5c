"""Whom limits take for one: of IPv6 a /64, of IPv4 an address, however it is written (R104)."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentry.domain.source import limited_as


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_stands_for_itself_also_where_it_is_mapped_into_ipv6(address: object) -> None:
    assert limited_as(str(address)) == str(address)
    assert limited_as(f"::ffff:{address}") == limited_as(f"::FFFF:{address}") == str(address)
    assert limited_as(f"0:0:0:0:0:ffff:{address}") == str(address)


@given(st.ip_addresses(v=6), st.integers(0, 2**64 - 1))
def test_all_addresses_of_a_64_are_one_and_those_of_another_are_not(address: IPv6Address, host: int) -> None:
    if address.ipv4_mapped is not None:
        return
    network = int(address) >> 64 << 64
    neighbour, stranger = IPv6Address(network | host), IPv6Address((network ^ 1 << 64) | host)
    assert limited_as(address.exploded) == limited_as(str(address)) == limited_as(f"{address}%eth0")
    if neighbour.ipv4_mapped is None:
        assert limited_as(str(neighbour)) == limited_as(str(address))
    if stranger.ipv4_mapped is None:
        assert limited_as(str(stranger)) != limited_as(str(address))


def test_it_is_written_as_a_network() -> None:
    assert limited_as("2001:DB8:1:2:3:4:5:6") == limited_as("2001:db8:1:2::ff") == "2001:db8:1:2::/64"
    assert limited_as("2001:db8:1:2::") != limited_as("2001:db8:1:3::")


@pytest.mark.parametrize("source", ["unknown", "", "[2001:db8::1]:443", "192.0.2.1:80", ":", "::g", "1:2", "a" * 45])
def test_what_is_no_address_stands_for_itself(source: str) -> None:
    assert limited_as(source) == source
