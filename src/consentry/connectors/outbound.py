"""Calls to addresses that others named, within bounds: the one way out of the house (R99).

A name is resolved once, every address it has is checked, and one of those is connected to. What an address is for is
left to the caller.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import SplitResult, urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from consentry.domain.origin import origin_of
from consentry.domain.refusal.provider import AddressRefused, AddressSilent

_SECONDS: Final = 10.0
_LARGEST_ANSWER: Final = 256 * 1024
_LONGEST_ADDRESS: Final = 2000
_PORTS: Final = frozenset({443, 8443})
_PIECE: Final = 16 * 1024
# Addresses that stand for others, of version 4, whatever those are.
_TRANSLATED: Final = tuple(
    ipaddress.ip_network(network)
    for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32")
)
# Of version 6 nothing else is given out to the public (RFC 4291, section 2.4), whatever else may be routed somewhere.
_UNICAST: Final = ipaddress.ip_network("2000::/3")
# Relays to addresses of the other version (RFC 7526), and what is for documents (RFC 9637).
_ODD: Final = tuple(ipaddress.ip_network(network) for network in ("192.88.99.0/24", "3fff::/20"))


@dataclass(frozen=True, slots=True)
class OutboundAnswer:
    """What was answered: the status and the body, of at most 256 KiB."""

    status: int
    body: bytes


class Outbound:
    """Calls others; `allowed` are the origins (`https://idp.bank.internal`) that the operator allows to be private.

    Other addresses are public ones by https on port 443 or 8443. Redirects are not followed, cookies not kept, and
    settings of proxies in the environment not heeded. A call takes 10 seconds at most.
    """

    def __init__(self, *, allowed: frozenset[str] = frozenset()) -> None:
        self._allowed = allowed

    def check(self, address: str) -> str:
        """Give an address if it may be called at all, as far as can be told without asking for its name.

        Raises:
            AddressRefused: it may not.
        """
        self._parsed(address)
        return address

    async def get(self, address: str) -> OutboundAnswer:
        """Fetch an address.

        Raises:
            AddressRefused: it is not public, or nothing that can be called.
            AddressSilent: nothing answers there, or too late, or too much.
        """
        return await self._call("GET", address)

    async def post_form(
        self, address: str, fields: Mapping[str, str], *, authorization: str | None = None
    ) -> OutboundAnswer:
        """Post a form. Raises what `get` raises."""
        return await self._call("POST", address, fields=fields, authorization=authorization)

    async def _call(
        self, method: str, address: str, *, fields: Mapping[str, str] | None = None, authorization: str | None = None
    ) -> OutboundAnswer:
        parts = self._parsed(address)
        resolver = _CheckedResolver(is_allowed=origin_of(parts) in self._allowed)
        headers = {"Accept": "application/json", "User-Agent": "consentry"}
        if authorization is not None:
            headers["Authorization"] = authorization
        try:
            async with (
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(resolver=resolver, use_dns_cache=False, limit=1, force_close=True),
                    cookie_jar=aiohttp.DummyCookieJar(),
                    timeout=aiohttp.ClientTimeout(total=_SECONDS),
                    trust_env=False,
                ) as session,
                session.request(method, address, data=fields, headers=headers, allow_redirects=False) as answer,
            ):
                return OutboundAnswer(answer.status, await _body(answer))
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            if resolver.refused:
                raise AddressRefused from None
            raise AddressSilent from error

    def _parsed(self, address: str) -> SplitResult:
        try:
            parts = urlsplit(address)
            port = parts.port
        except ValueError:
            raise AddressRefused from None
        host = parts.hostname
        plain = address.isascii() and address.isprintable() and " " not in address and "\\" not in address
        if not plain or len(address) > _LONGEST_ADDRESS or not host or parts.username is not None or parts.fragment:
            raise AddressRefused
        if origin_of(parts) in self._allowed:
            return parts
        if parts.scheme != "https" or (port or 443) not in _PORTS or not _is_public_name(host):
            raise AddressRefused
        return parts


def _is_public_name(host: str) -> bool:
    """Tell whether a host may be public: a name with a dot, or an address in its usual form that is public."""
    if ":" in host or host.replace(".", "").isdigit():
        try:
            return _is_public(host)
        except ValueError:
            return False
    if "%" in host:  # 127.0.0.%31 is an address to whoever decodes it, browsers among them
        return False
    labels = host.removesuffix(".").split(".")
    # 0x7f.1 and the like are numbers to some resolvers: the last part of a name is never one (RFC 3696, section 2).
    is_number = labels[-1].isdigit() or labels[-1].lower().startswith("0x")
    return len(labels) > 1 and all(labels) and not is_number and labels[-1] not in ("localhost", "local", "internal")


def _is_public(address: str) -> bool:
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return _is_public(str(parsed.ipv4_mapped))
        if parsed not in _UNICAST or any(parsed in network for network in _TRANSLATED):
            return False
    return parsed.is_global and not parsed.is_multicast and not any(parsed in network for network in _ODD)


class _CheckedResolver(AbstractResolver):
    """Resolves a name once; all its addresses must be public, unless the operator allowed the origin."""

    def __init__(self, *, is_allowed: bool) -> None:
        self._is_allowed = is_allowed
        self.refused = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, family=socket.AF_UNSPEC)
        addresses = [(str(entry[4][0]), entry[0]) for entry in found]
        if not self._is_allowed and not all(_is_public(address) for address, _ in addresses):
            self.refused = True
            raise OSError(f"{host} is not public")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
            for address, kind in addresses
        ]

    async def close(self) -> None:
        """Nothing is held."""


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = b""
    async for piece in answer.content.iter_chunked(_PIECE):
        body += piece
        if len(body) > _LARGEST_ANSWER:
            raise AddressSilent
    return body
