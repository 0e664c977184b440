"""The faults Dataverse and Entra can be told to have, besides those of every vendor."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar

from local.dataverse_simulator import operation_names
from local.simulation.faults import COMMON_ACTS, COMMON_KINDS, Check, PlannedFault

KINDS = {
    **COMMON_KINDS,
    "wrong_content_type": "do it and call the JSON text/plain",
    "without_id": "do it and answer success without the lead's id",
    "key_race": "another upsert of the same lead wins: 412, 0x80060892",
    "expired_token": "revoke the client's tokens, so that this request is refused with 401",
}
"""Every kind besides ``http_400`` to ``http_599``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault(PlannedFault):
    """One fault to be played.

    `operation` is one of :mod:`.operation_names`, ``WriteLead`` and ``ReadLead`` for several;
    `account` an environment's URL. ``lead`` in `per` tells leads by the value of their alternate
    key, else by their GUID. An ``http_NNN`` with a `code` answers Dataverse's JSON (Entra's, with
    `code` as its ``error``, at the token endpoint); without one it is a gateway's HTML page,
    but for 429, 401, 403 and 500, which have Dataverse's usual codes.
    """

    KINDS: ClassVar[Mapping[str, str]] = KINDS
    ACTS: ClassVar[frozenset[str]] = COMMON_ACTS | {"wrong_content_type", "without_id", "key_race"}
    OPERATIONS: ClassVar[Collection[str]] = {
        *operation_names.OPERATIONS,
        *(operation_names.WRITE_LEAD, operation_names.READ_LEAD, operation_names.DATA),
    }

    def own_checks(self) -> Collection[Check]:
        """Check the code, which is a text here."""
        return ((not isinstance(self.code, str | None), "code must be a text like 0x80044150."),)
