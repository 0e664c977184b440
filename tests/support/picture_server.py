"""A web server of pictures that can be told what to answer."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

type Answer = bytes | int | Callable[[BaseHTTPRequestHandler], None]

PNG = b"\x89PNG\r\n\x1a\n"


class PictureServer:
    """Serves ``pictures`` by path: bytes, a status, or something that answers by itself.

    ``asked`` holds the path of every request, in order.
    """

    def __init__(self) -> None:
        self.pictures: dict[str, Answer] = {}
        self.asked: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def url(self, path: str) -> str:
        return f"{self.origin}{path}"

    def picture(self, path: str, content: str = "") -> str:
        """Serve a picture whose bytes follow from `content` (by default the path)."""
        self.pictures[path] = PNG + (content or path).encode()
        return self.url(path)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                outer.asked.append(self.path)
                answer = outer.pictures.get(self.path, 404)
                if callable(answer):
                    answer(self)
                    return
                body = answer if isinstance(answer, bytes) else b"no"
                self.send_response(200 if isinstance(answer, bytes) else answer)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def redirect_to(location: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer 302."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", location)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def cut(handler: BaseHTTPRequestHandler) -> None:
    """Promise more than is sent, then close the connection."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(PNG)
    handler.close_connection = True
