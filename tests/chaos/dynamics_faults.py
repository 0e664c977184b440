"""What may go wrong at Dynamics in a wave."""

import random
from collections.abc import Sequence
from typing import Any

from local.dataverse_simulator import Fault

_UPSERT, _UPDATE, _TOKEN, _METADATA = "UpsertLead", "UpdateLead", "Token", "ReadMetadata"
_DOUBTFUL: tuple[dict[str, Any], ...] = (
    {"kind": "cut_before"},
    {"kind": "cut_after"},
    {"kind": "cut_after"},
    {"kind": "cut_midway"},
    {"kind": "html"},
    {"kind": "empty"},
    {"kind": "truncated"},
    {"kind": "wrong_content_type"},
    {"kind": "without_id"},
    {"kind": "slow", "seconds": 0.2},
    {"kind": "drip", "seconds": 0.2},
    {"kind": "hang", "seconds": 0.2},
    {"kind": "http_500"},
    {"kind": "http_502"},
    {"kind": "http_503"},
    {"kind": "http_504"},
)
"""Faults after which nobody knows; each also with Dynamics having acted where it may have."""
_MAY_ACT = frozenset({"html", "empty", "hang", "http_500", "http_502", "http_504"})
_CLEAR: tuple[dict[str, Any], ...] = (
    {"kind": "http_429", "retry_after": 45},
    {"kind": "http_429"},
    {"kind": "expired_token"},
    {"kind": "http_500", "code": "0x80044150"},
    {"kind": "http_500", "code": "0x80044151"},
)
_PERMANENT: tuple[dict[str, Any], ...] = (
    {"kind": "http_400"},
    {"kind": "http_400", "code": "0x80044331"},
    {"kind": "http_400", "code": "0x8004431a"},
    {"kind": "http_412", "code": "0x80040237"},
    {"kind": "http_500", "code": "0x80040333"},
)
_CREDENTIALS: tuple[dict[str, Any], ...] = (
    {"kind": "http_401", "operation": _UPSERT, "times": 2},
    {"kind": "http_403", "operation": _UPSERT},
    {"kind": "http_401", "code": "invalid_client", "operation": _TOKEN},
)
_ENTRA_AWAY: tuple[dict[str, Any], ...] = (
    {"kind": "cut_before"},
    {"kind": "empty"},
    {"kind": "html"},
    {"kind": "hang", "seconds": 0.2},
    {"kind": "http_429", "retry_after": 5},
    {"kind": "http_503"},
)


def draw_faults(chance: random.Random, environments: Sequence[str]) -> list[Fault]:
    """Draw what the requests of a wave meet."""
    faults = []
    for _ in range(chance.choice((0, 0, 1, 2, 3))):
        where: dict[str, Any] = {
            "account": chance.choice([None, *environments]),
            "times": chance.randint(1, 3),
            "after": chance.randint(0, 4),
        }
        kind = chance.random()
        if kind < 0.60:
            options = dict(chance.choice(_DOUBTFUL))
            where["operation"] = chance.choice((_UPSERT, _UPSERT, _UPSERT, _UPDATE, _METADATA))
            if options["kind"] in _MAY_ACT and where["operation"] in (_UPSERT, _UPDATE):
                options["acts"] = chance.random() < 0.5
        elif kind < 0.70:
            options = {"kind": "late_commit", "seconds": chance.choice((5, 40, 100))}
            where["operation"] = chance.choice((_UPSERT, _UPSERT, _UPDATE))
        elif kind < 0.78:
            options = {"kind": "key_race", "operation": _UPSERT}
        elif kind < 0.88:
            options = dict(chance.choice(_CLEAR))
            where["operation"] = chance.choice((_UPSERT, _UPDATE))
        elif kind < 0.92:
            options = dict(chance.choice(_ENTRA_AWAY)) | {"operation": _TOKEN}
        elif kind < 0.97:
            options = dict(chance.choice(_PERMANENT)) | {"times": 1}
            where["operation"] = chance.choice((_UPSERT, _UPDATE))
        else:
            options = {"times": 1} | dict(chance.choice(_CREDENTIALS))
        faults.append(Fault(**(where | options)))
    return faults
