"""Pictures from the addresses a feed names, which are the vendor's words and not to be trusted.

Only origins on a list are asked. The name is looked up once, every address it has is judged, and
the connection goes to the address that was judged, so that a second look-up cannot answer
differently. Redirects are followed by hand and judged in the same way.
"""

import ipaddress
import socket
import time
from collections.abc import Callable, Collection, Iterable
from contextlib import closing
from urllib.parse import urljoin, urlsplit

import httpcore
import httpx

from forecourt.errors import RetryableError, SkippableError
from forecourt.network.deadline import answer_by
from forecourt.network.transport import DeadlineBackend, DeadlineTransport

LARGEST_PICTURE = 10 * 1024 * 1024
PICTURE_SECONDS = 30.0
_MOST_REDIRECTS = 3
_LONGEST_ADDRESS = 2000
_PORTS = {"http": 80, "https": 443}
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

type LookUp = Callable[[str, int], list[str]]


def look_up(host: str, port: int) -> list[str]:
    """Return every address of a host."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def origin_of(url: str) -> str | None:
    """Return ``scheme://host:port`` of an address, None where it is no plain web address."""
    try:
        parts = urlsplit(url)
        port = parts.port or _PORTS[parts.scheme]
    except (ValueError, KeyError):
        return None
    if not parts.hostname or parts.username is not None or len(url) > _LONGEST_ADDRESS:
        return None
    return f"{parts.scheme}://{parts.hostname.lower()}:{port}"


class _JudgedBackend(DeadlineBackend):
    """Looks names up itself and connects only to addresses that may be asked."""

    def __init__(self, look_up: LookUp, private: Collection[str]) -> None:
        super().__init__()
        self._look_up = look_up
        self._private = private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._look_up(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        is_private_host = f"{host.lower()}:{port}" in self._private
        if not all(_may_be_asked(address, private=is_private_host) for address in addresses):
            detail = "the host has an address that is not public"
            raise SkippableError(code="ADDRESS_NOT_PUBLIC", detail=detail, target="EasyCars")
        return super().connect_tcp(addresses[0], port, timeout, local_address, socket_options)


class EasyCarsPictures:
    """Adapter of :class:`forecourt.images.ports.ImageSource`.

    Parameters
    ----------
    origins
        ``https://host`` with public addresses only; ``http://host:port`` for a simulator on this
        machine or network, which may have private addresses, but never link-local ones.
    look_up
        Name look-up.
    seconds
        Time for one picture, redirects and all.
    """

    def __init__(
        self,
        origins: Iterable[str],
        *,
        look_up: LookUp = look_up,
        seconds: float = PICTURE_SECONDS,
    ) -> None:
        self._seconds = seconds
        self._origins = {origin for one in origins if (origin := origin_of(one))}
        private = {
            origin.removeprefix("http://")
            for origin in self._origins
            if origin.startswith("http://")
        }
        self._transport = DeadlineTransport(sockets=_JudgedBackend(look_up, private))

    def close(self) -> None:
        """Close kept connections."""
        self._transport.close()

    def fetch(self, url: str) -> bytes:
        """Return a picture's bytes, at most 10 MB.

        Raises
        ------
        SkippableError
            ``ORIGIN_NOT_ALLOWED``, ``ADDRESS_NOT_PUBLIC``, ``HTTP_404`` …, ``TOO_LARGE``,
            ``EMPTY`` or ``TOO_MANY_REDIRECTS``.
        RetryableError
            ``HTTP_503`` …, or no complete answer.
        """
        try:
            with self._transport.in_use(), answer_by(time.monotonic() + self._seconds):
                return self._follow(url)
        except httpx.HTTPError as error:
            code = type(error).__name__
        except httpx.InvalidURL:
            raise _refused(code="ORIGIN_NOT_ALLOWED", detail="the address cannot be read") from None
        # Outside the handler: httpx's errors hold the request, and would stay in the chain.
        detail = "the picture's server gave no complete answer"
        raise RetryableError(code=code, detail=detail, target="EasyCars")

    def _follow(self, url: str) -> bytes:
        for _ in range(_MOST_REDIRECTS + 1):
            if origin_of(url) not in self._origins:
                raise _refused(
                    code="ORIGIN_NOT_ALLOWED", detail="pictures of this origin are not fetched"
                )
            request = httpx.Request("GET", url, headers={"Accept": "image/*"})
            request.extensions["timeout"] = {"connect": 5.0, "read": 15.0, "write": 5.0, "pool": 5}
            with closing(self._transport.handle_request(request)) as response:
                location = response.headers.get("location")
                if response.status_code not in _REDIRECTS or location is None:
                    return _read(response)
            url = urljoin(url, location)
        raise _refused(code="TOO_MANY_REDIRECTS", detail="the address leads on and on")


def _read(response: httpx.Response) -> bytes:
    status = response.status_code
    if status in _PASSING:
        detail = f"the picture's server answered {status}"
        raise RetryableError(code=f"HTTP_{status}", detail=detail, target="EasyCars")
    if status != httpx.codes.OK:
        raise _refused(code=f"HTTP_{status}", detail=f"the picture's server answered {status}")
    body = bytearray()
    for chunk in response.iter_raw():
        body += chunk
        if len(body) > LARGEST_PICTURE:
            raise _refused(code="TOO_LARGE", detail="the picture is larger than 10 MB")
    if not body:
        raise _refused(code="EMPTY", detail="the file is empty")
    return bytes(body)


def _may_be_asked(address: str, *, private: bool) -> bool:
    ip = _meant(ipaddress.ip_address(address.partition("%")[0]))
    if private:
        return not (ip.is_link_local or ip.is_multicast or ip.is_unspecified)
    is_site_local = isinstance(ip, ipaddress.IPv6Address) and ip.is_site_local
    return ip.is_global and not ip.is_multicast and not is_site_local


def _meant(
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """Return the IPv4 address that a mapped one (RFC 4291) or one for NAT64 (RFC 6052) leads to."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF)
    return ip.ipv4_mapped or ip


def _refused(*, code: str, detail: str) -> SkippableError:
    return SkippableError(code=code, detail=detail, target="EasyCars")
