"""Web origins, written the one way browsers write them in the ``Origin`` header."""

import re
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


def normal_origin(text: str) -> str | None:
    """Return ``scheme://host[:port]`` in lower case without a default port (RFC 6454, 6.2).

    A single trailing slash is forgiven. None for anything else: a path, a user, another scheme,
    a wildcard, a host that is not ASCII.

    Examples
    --------
    >>> normal_origin("HTTPS://Www.Dealer.example:443/")
    'https://www.dealer.example'
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    extras = (parts.path.removesuffix("/"), parts.query, parts.fragment, parts.username)
    if parts.scheme not in _DEFAULT_PORTS or any(extras) or not _HOST.fullmatch(host):
        return None
    suffix = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    return f"{parts.scheme}://{host}{suffix}"
