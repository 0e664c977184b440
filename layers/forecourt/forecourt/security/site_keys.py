"""Site keys: what a dealership's website sends in ``X-Site-Key``.

``fk1.<dealership id>.<key id>.<secret version>.<mac>``, the mac being HMAC-SHA256 (RFC 2104) over
everything before it, in base64url without padding. A key is checked without a database. It is not
confidential once a web page holds it; it says which dealership a lead is for and can be revoked.
"""

import base64
import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from pydantic import SecretStr

from forecourt.errors import PermanentError
from forecourt.security.remembered import Remembered

_KEY_ID = r"[A-Za-z0-9_-]{1,40}"
_FORM = re.compile(
    rf"fk1\.([1-9][0-9]{{0,9}})\.({_KEY_ID})\.([1-9][0-9]{{0,5}})\.([A-Za-z0-9_-]{{43}})"
)
_SHORTEST_SECRET = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteKey:
    """What a genuine site key says."""

    dealership_id: int
    key_id: str
    secret_version: int


class SiteKeyRing:
    """Makes keys with the newest secret and verifies those of every listed one.

    Parameters
    ----------
    versions
        Secret by version number; two versions stand side by side while one is retired.
    """

    def __init__(self, versions: Mapping[int, SecretStr]) -> None:
        self._versions = dict(versions)

    @classmethod
    def from_secret(cls, secret: Mapping[str, SecretStr]) -> "SiteKeyRing":
        """Read ``{"1": "<random>", "2": "<random>"}``.

        Raises
        ------
        PermanentError
            ``SITE_KEY_SECRET_MALFORMED``: empty, a version that is no number, a short secret.
        """
        versions = {}
        for version, value in secret.items():
            if not re.fullmatch(r"[1-9][0-9]{0,5}", version) or (
                len(value.get_secret_value()) < _SHORTEST_SECRET
            ):
                raise _malformed_secret()
            versions[int(version)] = value
        if not versions:
            raise _malformed_secret()
        return cls(versions)

    @property
    def newest_version(self) -> int:
        """The version new keys are signed with."""
        return max(self._versions)

    def make(self, dealership_id: int, key_id: str) -> str:
        """Sign a key for a dealership with the newest secret."""
        signed = f"fk1.{dealership_id}.{key_id}.{self.newest_version}"
        return f"{signed}.{_mac(self._versions[self.newest_version], signed)}"

    @property
    def versions(self) -> Collection[int]:
        """The versions whose keys are taken."""
        return self._versions.keys()

    def may_be_newer(self, text: str) -> bool:
        """Say whether a text has a key's form and names a version this ring does not know."""
        form = _FORM.fullmatch(text)
        return form is not None and int(form.group(3)) not in self._versions

    def verify(self, text: str) -> SiteKey | None:
        """Return what a key says, None for one this ring did not make; in constant time."""
        form = _FORM.fullmatch(text)
        if form is None:
            return None
        dealership_id, key_id, version, mac = form.groups()
        secret = self._versions.get(int(version))
        if secret is None:
            return None
        if not hmac.compare_digest(_mac(secret, text[: form.end(3)]), mac):
            return None
        return SiteKey(dealership_id=int(dealership_id), key_id=key_id, secret_version=int(version))


class RememberedKeyRing:
    """The ring of the site-key secret, read on first use and again when it has grown old.

    Where the secret cannot be read again, the last ring goes on serving: a lead is worth more
    than a prompt rotation.

    Parameters
    ----------
    read
        Reads the secret, version to value.
    clock
        Monotonic seconds.
    keep_seconds
        How long one reading is trusted.
    pause_seconds
        How long after a reading a key of an unknown version makes it read again, so that keys of
        a new version work at once and made-up ones cost little.
    """

    def __init__(
        self,
        read: Callable[[], Mapping[str, SecretStr]],
        *,
        clock: Callable[[], float] = time.monotonic,
        keep_seconds: float = 300.0,
        pause_seconds: float = 10.0,
    ) -> None:
        self._ring = Remembered(
            lambda: SiteKeyRing.from_secret(read()), clock=clock, keep_seconds=keep_seconds
        )
        self._pause_seconds = pause_seconds

    def current(self) -> SiteKeyRing:
        """Return the ring.

        Raises
        ------
        ForecourtError
            The secret was never read and cannot be read now.
        """
        return self._ring.get()

    def verify(self, text: str) -> SiteKey | None:
        """Return what a key says, None for one no listed secret made; errors as :meth:`current`."""
        ring = self.current()
        if ring.may_be_newer(text):
            ring = self._ring.get(at_most_old=self._pause_seconds)
        return ring.verify(text)


def new_key_id() -> str:
    """Draw the id of a new key: 12 letters and digits."""
    return secrets.token_hex(6)


def is_key_id(text: str) -> bool:
    """Say whether a key could have this id."""
    return re.fullmatch(_KEY_ID, text) is not None


def _mac(secret: SecretStr, signed: str) -> str:
    digest = hmac.new(secret.get_secret_value().encode(), signed.encode(), hashlib.sha256).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _malformed_secret() -> PermanentError:
    return PermanentError(
        code="SITE_KEY_SECRET_MALFORMED",
        detail='The site-key secret must be {"1": "<at least 16 random characters>", …}.',
        target="SecretsManager",
    )
