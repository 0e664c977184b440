"""Runs inside a sandbox: loads one handler and answers invocations until the stack ends.

This file is started by path in an interpreter without ``site``, so it may import nothing but the
standard library. What it says to the stack goes through a socket as length-prefixed JSON; standard
output and standard error belong to the handler and are its log.

Messages to the sandbox: ``{"requestId", "event", "arn", "deadline"}`` (deadline in milliseconds
since the epoch). Messages from it: ``{"kind": "ready"}``, ``{"kind": "init_error", "error"}``,
``{"kind": "result", "payload"}``, ``{"kind": "error", "error"}``; an error is shaped as Lambda
shapes it: ``errorMessage``, ``errorType``, ``requestId``, ``stackTrace``.
"""

import ctypes
import importlib
import json
import os
import queue
import signal
import socket
import struct
import sys
import threading
import time
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import types

_LENGTH = struct.Struct(">I")
_PR_SET_PDEATHSIG = 1


class LambdaContext:
    """What a handler gets as its second argument.

    Source: AWS Lambda Developer Guide, "Using the Lambda context object to retrieve Python
    function information".
    """

    def __init__(self, *, request_id: str, arn: str, deadline: int) -> None:
        self.aws_request_id = request_id
        self.invoked_function_arn = arn
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = None
        self.client_context = None
        self._deadline = deadline

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds left before the sandbox is killed; never negative."""
        return max(0, self._deadline - int(time.time() * 1000))


def main(channel: socket.socket, handler_name: str) -> None:
    """Load the handler, then answer one invocation after another."""
    _die_with_the_stack()
    invocations: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
    threading.Thread(target=_read_invocations, args=(channel, invocations), daemon=True).start()
    try:
        handler = _load(handler_name)
    except BaseException as error:  # noqa: BLE001 - whatever an import raises is its author's to read
        _send(channel, {"kind": "init_error", "error": _import_failure(error, handler_name)})
        return
    _send(channel, {"kind": "ready"})
    while True:
        invocation = invocations.get()
        _send(channel, _answer(handler, invocation))


def _answer(handler: Any, invocation: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    request_id = invocation["requestId"]
    context = LambdaContext(
        request_id=request_id, arn=invocation["arn"], deadline=invocation["deadline"]
    )
    try:
        result = handler(invocation["event"], context)
    except Exception as error:  # noqa: BLE001 - the sandbox reports whatever a handler raises
        return {"kind": "error", "error": describe(error, request_id)}
    try:
        return {"kind": "result", "payload": json.dumps(result, ensure_ascii=False)}
    except (TypeError, ValueError) as error:
        failure = {
            "errorMessage": f"Unable to marshal response: {error}",
            "errorType": "Runtime.MarshalError",
            "requestId": request_id,
            "stackTrace": [],
        }
        return {"kind": "error", "error": failure}


def describe(error: BaseException, request_id: str) -> dict[str, Any]:
    """Return an exception in the shape Lambda answers it: class name, text, trace, request id."""
    frames = traceback.extract_tb(error.__traceback__)
    loaders = (__file__, importlib.__file__)
    own = [f for f in frames if f.filename not in loaders and "<frozen" not in f.filename]
    return {
        "errorMessage": str(error),
        "errorType": type(error).__name__,
        "requestId": request_id,
        "stackTrace": traceback.format_list(own),
    }


def _load(handler_name: str) -> Any:  # noqa: ANN401 - a handler is any callable
    module_name, _, function_name = handler_name.rpartition(".")
    module: types.ModuleType = importlib.import_module(module_name.replace("/", "."))
    return getattr(module, function_name)


def _import_failure(error: BaseException, handler_name: str) -> dict[str, Any]:
    module_name, _, function_name = handler_name.rpartition(".")
    failure = describe(error, "")
    if isinstance(error, ImportError):
        failure["errorType"] = "Runtime.ImportModuleError"
        failure["errorMessage"] = f"Unable to import module '{module_name}': {error}"
    elif isinstance(error, SyntaxError):
        failure["errorType"] = "Runtime.UserCodeSyntaxError"
        failure["errorMessage"] = f"Syntax error in module '{module_name}': {error}"
    elif isinstance(error, AttributeError) and not failure["stackTrace"]:
        failure["errorType"] = "Runtime.HandlerNotFound"
        failure["errorMessage"] = f"Handler '{function_name}' missing on module '{module_name}'"
    return failure


def _read_invocations(
    channel: socket.socket, invocations: "queue.SimpleQueue[dict[str, Any]]"
) -> None:
    """Pass invocations on; the end of the stream is the end of the stack, and of this process."""
    while True:
        header = _receive(channel, _LENGTH.size)
        body = _receive(channel, _LENGTH.unpack(header)[0]) if header else b""
        if not body:
            os._exit(0)
        invocations.put(json.loads(body))


def _receive(channel: socket.socket, size: int) -> bytes:
    received = bytearray()
    while len(received) < size:
        try:
            part = channel.recv(size - len(received))
        except OSError:
            return b""
        if not part:
            return b""
        received += part
    return bytes(received)


def _send(channel: socket.socket, message: dict[str, Any]) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    body = json.dumps(message).encode()
    channel.sendall(_LENGTH.pack(len(body)) + body)


def _die_with_the_stack() -> None:
    """Ask Linux to kill this process with the thread that started it, whatever it is doing then.

    The end of the socket's stream does the same on every system, but only while some Python code
    runs; this also covers a handler that hangs inside a C extension.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the stack's, which ends its sandboxes
    main(socket.socket(fileno=int(sys.argv[1])), sys.argv[2])
