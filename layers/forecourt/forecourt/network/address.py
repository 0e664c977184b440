"""The address of a vendor, before anything is sent there."""

from urllib.parse import urlsplit

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def checked_address(url: str, name: str) -> str:
    """Return `url` without its last slash, or refuse one that is no place to send a secret.

    Plain http may go to this machine only.

    Raises
    ------
    ValueError
        The address is incomplete, or would carry a secret over the network in the clear; `name`
        says whose it is.
    """
    parts = urlsplit(url)
    if not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
        reason = f"the {name} URL must be an address such as https://host/path"
        raise ValueError(reason)
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
        reason = f"the {name} URL must begin with https:// (or be this machine)"
        raise ValueError(reason)
    return url.rstrip("/")
