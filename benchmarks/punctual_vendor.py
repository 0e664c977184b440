"""A vendor that answers everything after exactly so long, whatever it is asked.

The simulator judges every request, which takes it a millisecond of processor time; ten requests at
once then wait for each other, and what is measured is the simulator. This one only answers.
"""

import argparse
import asyncio
import base64
import itertools
import json
import sys
import time

_HEADERS_END = b"\r\n\r\n"


def _token() -> str:
    claims = {"ClientID": "bench", "exp": int(time.time()) + 86_400}
    parts = [{"alg": "HS256", "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), "signature"])


class PunctualVendor(asyncio.Protocol):
    """One connection; requests come one after the other, each with a Content-Length."""

    def __init__(self, latency: float, numbers: "itertools.count[int]") -> None:
        self._latency = latency
        self._numbers = numbers
        self._buffer = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Answer a request once it is whole."""
        self._buffer += data
        head, end, body = self._buffer.partition(_HEADERS_END)
        if not end or len(body) < _content_length(head):
            return
        self._buffer = b""
        if b"RequestToken" in head:
            self._answer({"Token": _token(), "Code": 0, "ErrorMessage": None})
            return
        number = f"{next(self._numbers):06d}"
        answer = {"LeadNumber": number, "CustomerNo": "00001", "Code": 0, "ErrorMessage": None}
        asyncio.get_running_loop().call_later(self._latency, self._answer, answer)

    def _answer(self, answer: dict[str, object]) -> None:
        body = json.dumps(answer).encode()
        assert self._transport is not None
        self._transport.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
            + str(len(body)).encode()
            + _HEADERS_END
            + body
        )


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


async def serve(latency: float) -> None:
    """Serve until the process is ended; prints the address."""
    numbers = itertools.count(1)
    server = await asyncio.get_running_loop().create_server(
        lambda: PunctualVendor(latency, numbers), "127.0.0.1", 0
    )
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--latency", type=float, default=0.05)
    asyncio.run(serve(parser.parse_args().latency))
