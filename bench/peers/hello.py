"""The floor of the comparison: a raw ASGI application that answers one small JSON object.

Everything about starting and measuring it is left to `bench.peers`.
"""

from collections.abc import Awaitable, Callable, MutableMapping

import msgspec

type_of_answer = b"application/json; charset=utf-8"
encode = msgspec.json.Encoder().encode

Message = MutableMapping[str, object]


async def app(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer 200 with a JSON object of one member, whatever was asked."""
    if scope["type"] != "http":
        return
    body = encode({"hello": "world"})
    headers = [(b"content-type", type_of_answer), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
