"""What a lead's ``company`` may say, member by member (Dataverse reference, 2.1).

The names are the reference's; each may also be written in camelCase, as the rest of the API is
(``canonical_name`` or ``canonicalName``). Members the reference does not know are kept, flat, and
go no further than the JSON copy a tenant may keep of the company.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

MOST_MEMBERS = 60
_LONGEST_TEXT = 500
_LARGEST_NUMBER = 2**53
_MOST_ITEMS = 20
_LONGEST_ITEM = 255
_MEMBER_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,49}")
_EMAIL_KEYS = ("email", "value")


@dataclass(frozen=True, slots=True)
class _Member:
    """What a member may hold; ``limit`` is of characters of a text, of a number its upper end."""

    kind: Literal["text", "score", "number", "flag", "emails", "texts"]
    limit: int = _LONGEST_TEXT


_SCORE = _Member("score", 100)

_MEMBERS: Mapping[str, _Member] = {
    "canonical_name": _Member("text", 255),
    "company_name": _Member("text", 255),
    "domain": _Member("text", 255),
    "country": _Member("text", 80),
    "job_title": _Member("text", 255),
    "provider": _Member("text", 50),
    "tenant_size": _Member("text", 50),
    "contact_emails": _Member("emails"),
    "contact_quality_score": _SCORE,
    "linkedin_pattern": _Member("text", 255),
    "nameservers": _Member("texts"),
    "readiness_score": _SCORE,
    "segment": _Member("text", 50),
    "technical_heat": _Member("text", 20),
    "commercial_segment": _Member("text", 50),
    "commercial_heat": _Member("text", 20),
    "priority_category": _Member("text", 10),
    "priority_label": _Member("text", 100),
    "referral_id": _Member("text", 255),
    "azure_tenant_id": _Member("text", 255),
    "referral_type": _Member("text", 50),
    "ip_usage_type": _Member("text", 50),
    "ip_isp": _Member("text", 255),
    "ip_country": _Member("text", 80),
    "confidence": _Member("number"),
    "m365_match_tags": _Member("text"),
    "auto_score_version": _Member("text", 100),
    "is_reenriched": _Member("flag"),
    "ml_weight_json": _Member("text"),
}

_SPELLINGS: Mapping[str, str] = {
    spelling: name
    for name in _MEMBERS
    for spelling in (name, re.sub(r"_(.)", lambda match: match[1].upper(), name))
}


def company_faults(company: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what is wrong with a company: the member's name as it was sent, and the cure."""
    faults = []
    for name, value in company.items():
        cure = _name_cure(name, company) or _value_cure(_SPELLINGS.get(name), value)
        if cure:
            faults.append((name, cure))
    return faults


def company_values(company: Mapping[str, Any]) -> dict[str, Any]:
    """Return the members that say something and can be used, by the reference's names.

    Examples
    --------
    >>> company_values({"canonicalName": " Acme ", "domain": "", "readiness_score": 85.0, "x": 1})
    {'canonical_name': 'Acme', 'readiness_score': 85}
    """
    known = ((_SPELLINGS.get(name), value) for name, value in company.items())
    return {
        name: _plain(name, value)
        for name, value in known
        if name is not None and _says_something(value) and _value_cure(name, value) is None
    }


def company_schema() -> dict[str, Any]:
    """Return what :func:`company_faults` checks, as JSON schema."""
    return {
        "properties": {spelling: _schema(_MEMBERS[name]) for spelling, name in _SPELLINGS.items()},
        "propertyNames": {"pattern": f"^{_MEMBER_NAME.pattern}$"},
        "additionalProperties": {
            "type": ["string", "number", "boolean", "null"],
            "maxLength": _LONGEST_TEXT,
            "minimum": -_LARGEST_NUMBER,
            "maximum": _LARGEST_NUMBER,
        },
    }


def _name_cure(name: str, company: Mapping[str, Any]) -> str | None:
    if _MEMBER_NAME.fullmatch(name) is None:
        return "must have a name of letters, digits and _, at most 50 long"
    plain = _SPELLINGS.get(name, name)
    if name != plain and plain in company:
        return f"is also given as {plain}; keep one"
    return None


def _value_cure(name: str | None, value: object) -> str | None:
    if value is None:
        return None
    if name is None:
        return _free_value_cure(value)
    member = _MEMBERS[name]
    return _CHECKS[member.kind](value, member.limit)


def _free_value_cure(value: object) -> str | None:
    if isinstance(value, str):
        return _text_cure(value, _LONGEST_TEXT)
    if not isinstance(value, int | float):
        return "must be a text, a number, true, false or null"
    if abs(value) > _LARGEST_NUMBER:
        return "must be a number between -2^53 and 2^53"
    return None


def _text_cure(value: object, limit: int) -> str | None:
    if not isinstance(value, str):
        return "must be a text"
    return None if len(value) <= limit else f"must have at most {limit} characters"


def _flag_cure(value: object, _limit: int) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _number_cure(value: object, _limit: int) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number"
    return _free_value_cure(value)


def _score_cure(value: object, limit: int) -> str | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if is_number and value in range(limit + 1):
        return None
    return f"must be a whole number from 0 to {limit}"


def _emails_cure(value: object, _limit: int) -> str | None:
    if isinstance(value, str):
        return _text_cure(value, _LONGEST_ITEM)
    if not isinstance(value, list) or not all(map(_is_email_item, value)):
        return (
            "must be a list of e-mail addresses, each a text or an object with email or value, "
            f"of at most {_LONGEST_ITEM} characters"
        )
    return None if len(value) <= _MOST_ITEMS else f"must have at most {_MOST_ITEMS} members"


def _texts_cure(value: object, _limit: int) -> str | None:
    if not isinstance(value, list) or any(_text_cure(item, _LONGEST_ITEM) for item in value):
        return f"must be a list of texts, each of at most {_LONGEST_ITEM} characters"
    return None if len(value) <= _MOST_ITEMS else f"must have at most {_MOST_ITEMS} members"


_CHECKS: Mapping[str, Callable[[object, int], str | None]] = {
    "text": _text_cure,
    "score": _score_cure,
    "number": _number_cure,
    "flag": _flag_cure,
    "emails": _emails_cure,
    "texts": _texts_cure,
}


def _is_email_item(item: object) -> bool:
    if isinstance(item, Mapping):
        return bool(item) and all(
            key in _EMAIL_KEYS and _text_cure(text, _LONGEST_ITEM) is None
            for key, text in item.items()
        )
    return _text_cure(item, _LONGEST_ITEM) is None


def _says_something(value: object) -> bool:
    return value is not None and value != [] and not (isinstance(value, str) and not value.strip())


def _plain(name: str, value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return value.strip()
    return int(value) if _MEMBERS[name].kind == "score" else value


def _schema(member: _Member) -> dict[str, Any]:
    if member.kind == "text":
        return {"type": ["string", "null"], "maxLength": member.limit}
    if member.kind == "score":
        return {"type": ["integer", "null"], "minimum": 0, "maximum": member.limit}
    if member.kind == "number":
        return {
            "type": ["number", "null"],
            "minimum": -_LARGEST_NUMBER,
            "maximum": _LARGEST_NUMBER,
        }
    if member.kind == "flag":
        return {"type": ["boolean", "null"]}
    text = {"type": "string", "maxLength": _LONGEST_ITEM}
    if member.kind == "texts":
        return {"type": ["array", "null"], "maxItems": _MOST_ITEMS, "items": text}
    nested = {
        "type": "object",
        "properties": dict.fromkeys(_EMAIL_KEYS, text),
        "additionalProperties": False,
        "minProperties": 1,
    }
    return {
        "type": ["array", "string", "null"],
        "maxLength": _LONGEST_ITEM,
        "maxItems": _MOST_ITEMS,
        "items": {"anyOf": [text, nested]},
    }
