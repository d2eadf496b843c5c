"""Connections within bounds: how long a request may take to arrive, and how much may come before it is one.

It stands below the surfaces: what is refused here never became a request, is in no metric and names no operation.
Bodies are bounded by the surfaces, which know what they expect.
"""

import asyncio
import json
from typing import Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from consentry.web.safety.upgrades import UpgradeIgnoringProtocol

ARRIVAL_SECONDS: Final = 10.0
LARGEST_HEAD: Final = 64 * 1024


class BoundedProtocol(UpgradeIgnoringProtocol):
    """Uvicorn's protocol; a request must arrive within 10 s, its head within 64 KiB.

    What arrives in one piece is not counted: that is bounded by the size of a read.
    """

    _timer: asyncio.TimerHandle | None = None
    _in_message = True
    _in_head = True
    _head_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's own
        """Begin to wait for the first request."""
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on, unless the head of the request has grown too large."""
        head_was_open = self._in_head
        super().data_received(data)
        if not self._in_message or self.transport.is_closing():
            return
        if self._in_head:
            self._head_bytes += len(data) if head_was_open else 0
            if self._head_bytes > LARGEST_HEAD:
                self._refuse(431, "Send headers of at most 64 KiB.")
                return
        if self._timer is None:
            self._wait()

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._in_message = self._in_head = True
        self._head_bytes = 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Note that its head is there."""
        self._in_head = False
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that all of it is there."""
        self._in_message = False
        self._stop_waiting()
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP."""
        self._refuse(400, "Send a well-formed HTTP request.")

    def _wait(self) -> None:
        self._timer = self.loop.call_later(ARRIVAL_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        if self._in_head and not self._head_bytes:
            self.transport.close()
        else:
            self._refuse(408, "Send the whole request within 10 seconds.")

    def _refuse(self, status: int, sentence: str) -> None:
        cycle: RequestResponseCycle | None = self.cycle
        is_out_of_turn = cycle is not None and (
            not cycle.response_complete if self._in_head else cycle.response_started
        )
        if is_out_of_turn or self.pipeline:  # it would be taken for the answer to another request
            self.transport.close()
            return
        body = json.dumps({"error": "invalid_request", "error_description": sentence}).encode()
        head = (
            b"content-type: application/json; charset=utf-8\r\ncache-control: no-store\r\n"
            b"x-content-type-options: nosniff\r\nconnection: close\r\ncontent-length: %d\r\n\r\n" % len(body)
        )
        self.transport.write(STATUS_LINE[status] + head + body)
        self.transport.close()
