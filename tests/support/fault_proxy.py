"""A proxy before any HTTP server that loses answers, breaks bodies off, or answers in the server's place."""

from __future__ import annotations

import http.client
import time

from tests.support.small_server import Handler, Reply, SmallServer

_OWN = frozenset({"connection", "content-length", "transfer-encoding", "date", "server", "keep-alive"})


class ProxyHandler(Handler):
    server_of: FaultProxy

    def is_piece(self) -> bool:
        return self.command in ("PUT", "PATCH") or self.path.endswith("/upload/chunk")

    def answer(self) -> Reply:
        owner = self.server_of
        if self.is_piece():
            owner.piece_bytes_received += len(self.content)
        connection = http.client.HTTPConnection("127.0.0.1", owner.behind, timeout=60)
        try:
            connection.request(self.command, self.path, self.content, dict(self.headers.items()))
            response = connection.getresponse()
            body = response.read()
            headers = {key: value for key, value in response.getheaders() if key.lower() not in _OWN}
            time.sleep(owner.answer_delay_s)
            if self.command == "HEAD" and response.getheader("Content-Length"):
                headers["Content-Length"] = response.getheader("Content-Length", "")
            return response.status, headers, body
        finally:
            connection.close()


class FaultProxy(SmallServer):
    """Stands before the server that listens on port `behind` of this machine."""

    handler = ProxyHandler

    def __init__(self, behind: int) -> None:
        self.behind = behind
        self.answer_delay_s = 0.0  # as on a long way
        super().__init__()
