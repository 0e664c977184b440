"""What may go wrong at EasyCars in a wave."""

import random
from collections.abc import Sequence
from typing import Any

from local.easycars_simulator import Fault

_CREATE, _UPDATE = "CreateLead", "UpdateLead"
_READS = ("GetLeadDetail", "SearchContacts")
_DOUBTFUL: tuple[dict[str, Any], ...] = (
    {"kind": "cut_before"},
    {"kind": "cut_after"},
    {"kind": "cut_midway"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "truncated"},
    {"kind": "success_without_number"},
    {"kind": "code_missing"},
    {"kind": "code", "code": 9},
    {"kind": "code", "code": 42},
    {"kind": "code", "code": 5},
    {"kind": "slow", "seconds": 0.2},
    {"kind": "drip", "seconds": 0.2},
    {"kind": "hang", "seconds": 0.2},
    {"kind": "http_408"},
    {"kind": "http_500"},
    {"kind": "http_502"},
    {"kind": "http_503"},
    {"kind": "http_504"},
)
"""Faults after which nobody knows; each also with the vendor having acted where it may have."""
_MAY_ACT = frozenset({"html", "empty", "code_missing", "hang", "http_500", "http_502", "http_504"})
_CLEAR: tuple[dict[str, Any], ...] = (
    {"kind": "http_429", "retry_after": 45},
    {"kind": "http_429"},
    {"kind": "expired_token"},
)
_PERMANENT: tuple[dict[str, Any], ...] = (
    {"kind": "http_400"},
    {"kind": "code", "code": 7, "message": "The data is invalid."},
)
_CREDENTIALS: tuple[dict[str, Any], ...] = (
    {"kind": "code", "code": 1, "message": "Authentication failed."},
    {"kind": "http_401"},
    {"kind": "http_403"},
)


def draw_faults(chance: random.Random, accounts: Sequence[str]) -> list[Fault]:
    """Draw what the requests of a wave meet."""
    faults = []
    for _ in range(chance.choice((0, 0, 1, 2, 3))):
        where: dict[str, Any] = {
            "account": chance.choice([None, *accounts]),
            "times": chance.randint(1, 3),
            "after": chance.randint(0, 4),
        }
        kind = chance.random()
        if kind < 0.65:
            options = dict(chance.choice(_DOUBTFUL))
            where["operation"] = chance.choice((_CREATE, _CREATE, _CREATE, _UPDATE, *_READS))
            if options["kind"] in _MAY_ACT and where["operation"] in (_CREATE, _UPDATE):
                options["acts"] = chance.random() < 0.5
        elif kind < 0.75:
            options = {"kind": "late_commit", "seconds": chance.choice((5, 40))}
            where["operation"] = _CREATE
        elif kind < 0.88:
            options = dict(chance.choice(_CLEAR))
            where["operation"] = chance.choice((_CREATE, _UPDATE, *_READS))
            if "retry_after" in options and where["operation"] in _READS:
                options["retry_after"] = 1  # a read is repeated in place, by the wall clock
        elif kind < 0.94:
            options = dict(chance.choice(_PERMANENT)) | {"times": 1}
            where["operation"] = chance.choice((_CREATE, _UPDATE))
        else:
            options = dict(chance.choice(_CREDENTIALS)) | {"times": 2}
            where["operation"] = chance.choice((_CREATE, "RequestToken"))
        faults.append(Fault(**(where | options)))
    return faults
