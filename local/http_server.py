"""An HTTP server on this machine's loopback address that can be stopped without a trace."""

from __future__ import annotations

import errno
import logging
import threading
from typing import TYPE_CHECKING, Any

from waitress import wasyncore
from waitress.server import create_server

from local.failures import StackError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from local.queues import Environ, WsgiApp

HOST = "127.0.0.1"
_THREADS = 96
"""More than all calls that wait at once: long polls, and a state machine's parallel functions."""
_LOOK_UP_SECONDS = 1.0

logging.getLogger("waitress.queue").setLevel(logging.ERROR)


class HttpServer:
    """Serves a WSGI application; the port is taken when this is made, so a clash shows at once.

    Parameters
    ----------
    port
        The port; 0 picks a free one.

    Raises
    ------
    StackError
        When the port is taken or may not be used.
    """

    def __init__(self, port: int) -> None:
        self._app: WsgiApp = _not_yet
        try:
            self._server: Any = create_server(
                self._serve, host=HOST, port=port, threads=_THREADS, ident=None
            )
        except OSError as error:
            raise _cannot_listen(port, error) from error
        except OverflowError as error:
            message = f"{port} is no port number."
            raise StackError(message, cure="Give --port a number up to 65535.") from error
        self._connections = self._server._map  # noqa: SLF001 - its sockets, to close them at the end
        self.port = int(self._server.effective_port)
        self.url = f"http://{HOST}:{self.port}"
        self._ended = False
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._thread.start()

    def serve(self, app: WsgiApp) -> None:
        """Answer requests with this application from now on."""
        self._app = app

    def pause(self) -> None:
        """Answer 503 from now on."""
        self._app = _not_yet

    def stop(self) -> None:
        """Answer nothing more and give the port back."""
        self._server.task_dispatcher.shutdown(cancel_pending=True, timeout=1)
        self._ended = True
        self._server.trigger.pull_trigger()
        self._thread.join()
        wasyncore.close_all(self._connections, ignore_all=True)

    def _run(self) -> None:
        # waitress's own loop runs until the process ends.
        while not self._ended:
            wasyncore.loop(_LOOK_UP_SECONDS, use_poll=True, map=self._connections, count=1)

    def _serve(self, environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401 - WSGI's callable
        return self._app(environ, start_response)


def _not_yet(_environ: Environ, start_response: Any) -> Iterable[bytes]:  # noqa: ANN401
    body = b'{"message":"The stack is starting or stopping"}'
    headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    start_response("503 Service Unavailable", [*headers, ("Retry-After", "1")])
    return [body]


def _cannot_listen(port: int, error: OSError) -> StackError:
    if error.errno == errno.EADDRINUSE:
        message = f"Port {port} is taken by another program."
        return StackError(
            message, cure="Stop that program, or choose another with --port N (0 picks a free one)."
        )
    message = f"Port {port} cannot be used: {error.strerror}."
    return StackError(message, cure="Choose another with --port N, above 1023.")
