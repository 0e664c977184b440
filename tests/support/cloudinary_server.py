"""A strict Cloudinary upload API, written from its reference alone.

Source: Cloudinary, "Upload API reference" and "Generating authentication signatures": the
parameters but ``file``, ``cloud_name``, ``resource_type`` and ``api_key`` are sorted, joined as
``name=value`` with ``&`` (an ``&`` within them as ``%26``), followed by the secret, and hashed with
SHA-1; a signature is good for an hour.
"""

import hashlib
import hmac
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CLOUD, API_KEY, API_SECRET = "dealers-cloud", "123456789012345", "s3cr3t-of-the-cloud"
MOST_BYTES = 10 * 1024 * 1024
_UPLOAD = {
    "file", "api_key", "timestamp", "signature", "folder", "public_id", "tags", "overwrite",
    "invalidate", "allowed_formats",
}  # fmt: skip
_DESTROY = {"api_key", "timestamp", "signature", "public_id", "invalidate"}
_MAGIC = {b"\xff\xd8\xff": "jpg", b"\x89PNG\r\n\x1a\n": "png", b"GIF8": "gif", b"RIFF": "webp"}


@dataclass
class Asset:
    body: bytes
    version: int
    tags: list[str]
    overwrites: bool
    invalidates: bool


@dataclass
class CloudinaryServer:
    """Keeps ``assets`` by public id; ``will`` answers the next requests instead, in order."""

    assets: dict[str, Asset] = field(default_factory=dict)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    invalidated: list[str] = field(default_factory=list)
    will: list[Callable[[BaseHTTPRequestHandler], None]] = field(default_factory=list)
    secret: str = API_SECRET

    def __post_init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def prefix(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def judge(self, path: str, fields: dict[str, str], file: bytes | None) -> tuple[int, Any]:
        """Answer one request: a status and a JSON document."""
        match = re.fullmatch(r"/v1_1/([^/]+)/image/(upload|destroy)", path)
        if match is None:
            return _error(404, f"No such route {path}")
        cloud, action = match.groups()
        unknown = fields.keys() - (_UPLOAD if action == "upload" else _DESTROY)
        is_stale = abs(time.time() - int(fields.get("timestamp", "0"))) > 3600
        is_signed = hmac.compare_digest(self.signature(fields), fields.get("signature", ""))
        for is_wrong, status, message in (
            (cloud != CLOUD, 401, f"cloud_name mismatch {cloud}"),
            (bool(unknown), 400, f"Unknown parameters {sorted(unknown)}"),
            (fields.get("api_key") != API_KEY, 401, "Unknown API key"),
            (is_stale, 400, "Stale request - reported time is over an hour ago"),
            (not is_signed, 401, f"Invalid Signature {fields.get('signature')}."),
            (not fields.get("public_id"), 400, "Missing required parameter - public_id"),
        ):
            if is_wrong:
                return _error(status, message)
        return self._upload(fields, file) if action == "upload" else self._destroy(fields)

    def signature(self, fields: dict[str, str]) -> str:
        signed = sorted(
            f"{name}={value}".replace("&", "%26")
            for name, value in fields.items()
            if name not in {"file", "cloud_name", "resource_type", "api_key", "signature"} and value
        )
        return hashlib.sha1(f"{'&'.join(signed)}{self.secret}".encode()).hexdigest()  # noqa: S324 - as documented

    def _upload(self, fields: dict[str, str], file: bytes | None) -> tuple[int, Any]:
        if not file:
            return _error(400, "Missing required parameter - file")
        if len(file) > MOST_BYTES:
            return _error(400, f"File size too large. Got {len(file)}. Maximum is {MOST_BYTES}.")
        found = [name for magic, name in _MAGIC.items() if file.startswith(magic)]
        if not found:
            return _error(400, "Invalid image file")
        if found[0] not in fields.get("allowed_formats", found[0]).split(","):
            return _error(400, f"Image format {found[0]} not allowed")
        public_id = "/".join(part for part in (fields.get("folder"), fields["public_id"]) if part)
        asset = self.assets.get(public_id)
        version = 1 if asset is None else asset.version + 1
        self.assets[public_id] = Asset(
            body=file,
            version=version,
            tags=fields.get("tags", "").split(","),
            overwrites=fields.get("overwrite") in {"1", "true"},
            invalidates=fields.get("invalidate") in {"1", "true"},
        )
        return 200, {
            "public_id": public_id,
            "version": version,
            "format": found[0],
            "resource_type": "image",
            "type": "upload",
            "bytes": len(file),
            "tags": self.assets[public_id].tags,
            "secure_url": f"https://res.cloudinary.com/{CLOUD}/image/upload/"
            f"v{version}/{public_id}.{found[0]}",
        }

    def _destroy(self, fields: dict[str, str]) -> tuple[int, Any]:
        if self.assets.pop(fields["public_id"], None) is None:
            return 200, {"result": "not found"}
        if fields.get("invalidate") in {"1", "true"}:
            self.invalidated.append(fields["public_id"])
        return 200, {"result": "ok"}

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                fields, file = _parts(self.headers["Content-Type"], body)
                outer.requests.append((self.path, fields))
                if outer.will:
                    outer.will.pop(0)(self)
                    return
                status, document = outer.judge(self.path, fields, file)
                answer(self, status, json.dumps(document).encode())

            def log_message(self, *_: object) -> None:
                pass

        return Handler


def answer(handler: BaseHTTPRequestHandler, status: int, body: bytes) -> None:
    handler.send_response(status)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def refusing(status: int, message: str = "no") -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer an error as Cloudinary words it."""
    return lambda handler: answer(handler, *_bytes(_error(status, message)))


def saying(status: int, body: bytes) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answer these bytes."""
    return lambda handler: answer(handler, status, body)


def _error(status: int, message: str) -> tuple[int, Any]:
    return status, {"error": {"message": message}}


def _bytes(answered: tuple[int, Any]) -> tuple[int, bytes]:
    return answered[0], json.dumps(answered[1]).encode()


def _parts(content_type: str, body: bytes) -> tuple[dict[str, str], bytes | None]:
    head = f"Content-Type: {content_type}\r\n\r\n".encode()
    message = BytesParser(EmailMessage, policy=HTTP).parsebytes(head + body)
    fields: dict[str, str] = {}
    file: bytes | None = None
    for part in message.iter_parts():
        name = part.get_param("name", header="content-disposition")
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if name == "file":
            file = content
        else:
            fields[str(name).removesuffix("[]")] = content.decode()
    return fields, file
