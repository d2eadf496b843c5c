"""The one way out of the house: public https addresses, nothing else, within bounds (R99)."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from consentry.connectors.outbound import Outbound, _CheckedResolver
from consentry.domain.refusal.provider import AddressRefused, AddressSilent

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

REFUSED = [
    "http://bank.example/", "ftp://bank.example/", "//bank.example/", "bank.example", "", "https://",
    "https://user@bank.example/", "https://user:pass@bank.example/", "https://bank.example/#part",
    "https://bank.example:22/", "https://bank.example:99999/", "https://bank.example:80/",
    "https://localhost/", "https://localhost./", "https://idp.localhost/", "https://printer.local/", "https://intranet/",
    "https://vault.internal/", "https://127.0.0.1/", "https://127.1/", "https://2130706433/", "https://0177.0.0.1/",
    "https://0x7f000001/", "https://0x7f.0.0.1/", "https://127.0.0.0x1/", "https://0/", "https://0.0.0.0/",
    "https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://169.254.169.254/latest/meta-data/",
    "https://100.64.0.1/", "https://192.0.2.1/", "https://198.18.0.1/", "https://224.0.0.1/", "https://255.255.255.255/",
    "https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:10.0.0.1]/",
    "https://[fe80::1]/", "https://[fe80::1%25eth0]/", "https://[fc00::1]/", "https://[fd12::1]/", "https://[ff02::1]/",
    "https://[::ffff:0:127.0.0.1]/", "https://[fec0::1]/", "https://[5f00::1]/", "https://[3fff::1]/",
    "https://192.88.99.1/", "https://127.0.0.%31/", "https://idp.%6cocalhost/", "https://127.0.0.1%2f.bank.example/",
    "https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[2001:db8::1]/", "https://[::127.0.0.1]/",
    "https://bank.example\\@evil.example/", "https://bank.example/a b", "https://bank.example/\r\nHost: x",
    "https://bánk.example/", "https://bank..example/", "https://.bank.example/", "https://bank.example/" + "a" * 2000,
]  # fmt: skip
ALLOWED = [
    "https://bank.example/",
    "https://idp.bank.example:8443/a?b=c",
    "https://8.8.8.8/",
    "https://[2606:4700::1]/",
]


@pytest.mark.parametrize("address", REFUSED)
async def test_what_is_not_public_is_not_called(address: str) -> None:
    with pytest.raises(AddressRefused):
        Outbound().check(address)
    with pytest.raises(AddressRefused):
        await Outbound().get(address)


@pytest.mark.parametrize("address", ALLOWED)
def test_what_is_public_may_be_called(address: str) -> None:
    assert Outbound().check(address) == address


async def test_a_name_that_leads_inside_is_refused_after_it_was_resolved() -> None:
    """Whatever a name's owner answers: each of its addresses is looked at, and only what was looked at is called."""
    resolver = _CheckedResolver(is_allowed=False)
    with pytest.raises(OSError, match="not public"):
        await resolver.resolve("localhost", 443)
    assert resolver.refused


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    server = await asyncio.start_server(handler, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        await server.wait_closed()


async def said(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, answer: bytes) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(answer)
    await writer.drain()
    writer.close()


async def test_an_origin_that_the_operator_allows_is_called_and_no_other() -> None:
    async def hello(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await said(reader, writer, b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello")

    async with answering(hello) as origin, answering(hello) as other:
        outbound = Outbound(allowed=frozenset({origin}))
        answer = await outbound.get(f"{origin}/a")
        assert (answer.status, answer.body) == (200, b"hello")
        with pytest.raises(AddressRefused):
            await outbound.get(f"{other}/a")


async def test_redirects_are_not_followed() -> None:
    async def away(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await said(
            reader, writer, b"HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n"
        )

    async with answering(away) as origin:
        assert (await Outbound(allowed=frozenset({origin})).get(origin)).status == 302


async def test_a_flood_is_cut_off() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            for _ in range(64):
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()

    async with answering(flood) as origin:
        with pytest.raises(AddressSilent):
            await Outbound(allowed=frozenset({origin})).get(origin)


async def test_where_nothing_listens_that_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        origin = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(AddressSilent):
            await Outbound(allowed=frozenset({origin})).get(origin)
