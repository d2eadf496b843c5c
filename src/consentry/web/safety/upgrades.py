"""Requests that offer another protocol: answered as if they did not, which RFC 9110, section 7.8, allows.

Some clients, Java's among them, offer HTTP/2 with every request that is not encrypted, and uvicorn's parser leaves out
the body of such a request. How much may come, and how slowly, is the business of connections.py.
"""

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class UpgradeIgnoringProtocol(HttpToolsProtocol):
    """Uvicorn's protocol; a request that offers an upgrade is read anew without the offer, with its body."""

    _is_set_aside = False

    def data_received(self, data: bytes) -> None:
        """Read on; what follows an offer is still of the same request."""
        self._unset_keepalive_if_required()
        rest = memoryview(data)
        while rest:
            try:
                self.parser.feed_data(rest)
                return
            except httptools.HttpParserUpgrade as offer:
                rest = rest[offer.args[0] :]
                self._read_anew()
            except httptools.HttpParserError:
                self.logger.warning("Invalid HTTP request received.")
                self.send_400_response("Invalid HTTP request received.")
                return

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the request is to be read anew first."""
        self._is_set_aside = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if not self._is_set_aside:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note that all of the request is there, unless it is to be read anew first."""
        if not self._is_set_aside:
            super().on_message_complete()

    def _read_anew(self) -> None:
        head = [b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())]
        head += [b"%b: %b\r\n" % header for header in self.headers if header[0] != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
        self.parser.feed_data(b"".join(head) + b"\r\n")
