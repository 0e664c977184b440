"""Who may do what: roles and the one dealership a person is pinned to.

The gateway has verified the token; here only its claims count. Other dealerships do not exist
for people who are pinned to one, so a foreign id is answered 404, never 403.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from http import HTTPStatus
from typing import Any

from forecourt.admin.whole_numbers import LARGEST_DEALERSHIP_ID, whole_number
from forecourt.problem import FieldError, Problem


class Role(Enum):
    """The claim ``usertype``, compared without case."""

    ADMIN = "Admin"
    OWNER = "DealershipOwner"
    STAFF = "DealershipStaff"


_ROLES = {role.value.lower(): role for role in Role}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """The signed-in person; ``dealership_id`` is None for an administrator of all of them."""

    subject: str
    role: Role
    dealership_id: int | None

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> "Caller":
        """Read the claims of a verified token, with or without Cognito's ``custom:`` prefix.

        Raises
        ------
        Problem
            403 where they say no known role, or pin no dealership to somebody who needs one.
        """
        role = _ROLES.get(_claim(claims, "usertype").lower())
        dealership_id = whole_number(_claim(claims, "dealershipid"), largest=LARGEST_DEALERSHIP_ID)
        if role is None or (role is not Role.ADMIN and dealership_id is None):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "unknown-role",
                "The token names no role and dealership that Forecourt knows; "
                "ask an administrator for the claims usertype and dealershipid.",
            )
        return cls(
            subject=str(claims.get("sub") or claims.get("username") or "unknown"),
            role=role,
            dealership_id=None if role is Role.ADMIN else dealership_id,
        )

    def scope(self, asked: int | None) -> int | None:
        """Return whose data a list may show: one dealership's, or None for everybody's.

        Raises
        ------
        Problem
            404 where somebody pinned to one dealership asks for another.
        """
        if self.role is Role.ADMIN:
            return asked
        if asked not in (None, self.dealership_id):
            raise not_found(what="dealership")
        return self.dealership_id

    def one_dealership(self, asked: int | None) -> int:
        """Return the dealership a request is about; errors as :meth:`scope`.

        Raises
        ------
        Problem
            400 where an administrator does not say which.
        """
        scope = self.scope(asked)
        if scope is None:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "dealership-missing",
                "Say which dealership is meant: add ?dealershipId=<id>.",
                errors=(FieldError("dealershipId", "is required for an administrator"),),
            )
        return scope

    def require_manager(self) -> None:
        """Let administrators and owners pass; staff may only read.

        Raises
        ------
        Problem
            403.
        """
        if self.role is Role.STAFF:
            raise _forbidden(detail="Only the dealership's owner or an administrator may do this.")

    def require_admin(self) -> None:
        """Let administrators pass.

        Raises
        ------
        Problem
            403.
        """
        if self.role is not Role.ADMIN:
            raise _forbidden(detail="Only an administrator may do this.")


def not_found(*, what: str) -> Problem:
    """Return 404 for something that is not there, or is somebody else's."""
    return Problem(HTTPStatus.NOT_FOUND, "not-found", f"There is no such {what}.")


def not_woken() -> Problem:
    """Return 503 for a change that is stored while the queue did not take the wake-up for it."""
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "not-woken",
        "The change is stored, but the queue is away and its leads were not woken; send it again.",
        headers={"Retry-After": "30"},
    )


def _claim(claims: Mapping[str, Any], name: str) -> str:
    return str(claims.get(name) or claims.get(f"custom:{name}") or "").strip()


def _forbidden(*, detail: str) -> Problem:
    return Problem(HTTPStatus.FORBIDDEN, "forbidden", detail)
