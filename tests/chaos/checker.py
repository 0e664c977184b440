"""Judge what a run left behind: lost, doubled, stale, invalid, or stuck."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.accepted_leads import AcceptedLead

_SHORTEST_REASON = 15
_MOST_TRIES = 8
_PERMANENT_FAULTS = {"VENDOR_REFUSED": ("code",), "HTTP_400": ("http_400",)}


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be; ``kind`` is a word of the figures."""

    kind: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Remains:
    """What is there when nothing moves any more.

    Parameters
    ----------
    accepted
        What was accepted, by external id.
    rows
        Leads with their delivery, as the database has them; ``state`` is None without one.
    book
        Leads as the vendor has them (:meth:`EasyCarsSimulator.leads`).
    invalid
        Requests that break the vendor's documents.
    faults
        (account, kind) of every fault the vendor played.
    open_attempts
        Rows of tries nobody has closed.
    buried, poison
        Bodies among the dead letters, and those that belong there.
    announced
        External ids of the leads that were published.
    errors
        What handlers let out.
    """

    accepted: Mapping[str, AcceptedLead]
    rows: Sequence[Mapping[str, Any]]
    book: Sequence[Mapping[str, Any]]
    invalid: Sequence[str] = ()
    faults: frozenset[tuple[str, str]] = frozenset()
    open_attempts: int = 0
    messages_left: int = 0
    buried: Sequence[str] = ()
    poison: Sequence[str] = ()
    announced: frozenset[str] | None = None
    errors: Sequence[str] = ()
    may_be_parked: bool = False


def judge(remains: Remains) -> list[Finding]:
    """List everything that is wrong."""
    rows = {str(row["external_id"]): row for row in remains.rows}
    there = _by_external_id(remains)
    found = [Finding("invalid", text) for text in remains.invalid]
    for lead in remains.accepted.values():
        row, copies = rows.get(lead.external_id), there.get(lead.external_id, ())
        if lead.spam:
            found.extend(_judge_spam(lead, row, copies))
        else:
            found.extend(_judge_lead(lead, row, copies, remains))
    for place, names in (("at the vendor", there), ("in the ledger", rows)):
        strangers = sorted(names.keys() - remains.accepted.keys())
        found.extend(Finding("other", f"{name} is {place}, nobody sent it") for name in strangers)
    found.extend(Finding("other", text) for text in _of_the_whole(remains))
    return found


def _judge_spam(
    lead: AcceptedLead, row: Mapping[str, Any] | None, copies: Sequence[Mapping[str, Any]]
) -> list[Finding]:
    if row is None:
        return [Finding("lost", f"{lead.external_id}, which is spam, is not in the ledger")]
    if copies or row["state"] is not None:
        return [Finding("other", f"{lead.external_id} is spam and was to be delivered")]
    return []


def _judge_lead(
    lead: AcceptedLead,
    row: Mapping[str, Any] | None,
    copies: Sequence[Mapping[str, Any]],
    remains: Remains,
) -> list[Finding]:
    name = f"{lead.external_id} of account {lead.account}"
    where = ", ".join(f"{copy['account']}/{copy['leadNumber']}" for copy in copies)
    if len(copies) > 1:
        return [Finding("doubled", f"{name} is at the vendor as {where}; {_told(row)}")]
    if row is None:
        return [Finding("lost", f"{name} is not in the ledger")]
    if row["state"] == "failed" and remains.may_be_parked:
        return _judge_parked(lead, row, remains)
    if not copies:
        return [Finding("lost", f"{name} is not at the vendor; {_told(row)}")]
    if row["state"] != "delivered":
        return [Finding("other", f"{name} is at the vendor as {where}, open; {_told(row)}")]
    return _judge_delivered(lead, row, copies[0])


def _judge_parked(lead: AcceptedLead, row: Mapping[str, Any], remains: Remains) -> list[Finding]:
    """A parked lead needs a reason for people, and a fault or many tries that justify it."""
    name, code = lead.external_id, row["last_error_code"]
    if len(row["last_error"] or "") < _SHORTEST_REASON:
        return [Finding("other", f"{name} is parked without a reason; {_told(row)}")]
    kinds = _PERMANENT_FAULTS.get(code, ())
    if any((lead.account, kind) in remains.faults for kind in kinds):
        return []
    if row["attempts"] >= _MOST_TRIES:
        return []
    return [Finding("other", f"{name} is parked and nothing justifies it; {_told(row)}")]


def _judge_delivered(
    lead: AcceptedLead, row: Mapping[str, Any], copy: Mapping[str, Any]
) -> list[Finding]:
    name = f"{lead.external_id} of account {lead.account}"
    found = []
    if (copy["account"], copy["leadNumber"]) != (lead.account, row["easycars_lead_number"]):
        text = f"{name} is {copy['account']}/{copy['leadNumber']} at the vendor; {_told(row)}"
        found.append(Finding("other", text))
    notes = str(copy["fields"].get("Notes", ""))
    at_vendor = (copy["fields"].get("Rating"), copy["status"])
    if lead.message not in notes or at_vendor != (lead.rating_code, lead.status_code):
        text = f"{name} should be at version {lead.version} ({lead.rating}, {lead.status}), is "
        found.append(Finding("stale", f"{text}{notes[:90]!r} {at_vendor}; {_told(row)}"))
    versions = (row["version"], row["wanted_version"], row["delivered_version"])
    if versions != (lead.version,) * 3:
        found.append(Finding("stale", f"{name}: version, wanted, delivered are {versions}"))
    return found


def _of_the_whole(remains: Remains) -> list[str]:
    found = []
    if remains.open_attempts:
        found.append(f"{remains.open_attempts} tries are not closed")
    if remains.messages_left:
        found.append(f"{remains.messages_left} messages are still on the queue")
    wrongly_dead = [body for body in remains.buried if body not in remains.poison]
    found.extend(f"among the dead letters: {body[:200]}" for body in wrongly_dead)
    found.extend(
        f"not among the dead letters: {body[:80]}"
        for body in remains.poison
        if body not in remains.buried
    )
    if remains.announced is not None:
        found.extend(
            f"{lead.external_id} was never announced"
            for lead in remains.accepted.values()
            if not lead.spam and lead.external_id not in remains.announced
        )
    found.extend(f"a handler raised: {text}" for text in remains.errors)
    return found


def _by_external_id(remains: Remains) -> Mapping[str, list[Mapping[str, Any]]]:
    found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for copy in remains.book:
        if copy["ours"]:
            found[str(copy["fields"].get("ExternalID"))].append(copy)
    return found


def _told(row: Mapping[str, Any] | None) -> str:
    if row is None:
        return "not in the ledger"
    shown = ("state", "easycars_lead_number", "attempts", "last_error_code", "last_error")
    return ", ".join(f"{name} {row.get(name)!r}" for name in shown)
