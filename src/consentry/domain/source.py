"""Whom a limit takes for one: whoever has an IPv6 address has a network of them."""

from ipaddress import IPv6Address, IPv6Network
from typing import Final

_ONE_SITE: Final = 64


def limited_as(source: str) -> str:
    """Give under what the requests of an address are counted: of IPv6 its /64, of IPv4 the address, however written.

    What is no address stands for itself.
    """
    if ":" not in source:
        return source
    try:
        address = IPv6Address(source.partition("%")[0])
    except ValueError:
        return source
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Network((int(address), _ONE_SITE), strict=False))
