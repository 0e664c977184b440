"""Judge what a run left behind: lost, doubled, stale, invalid, or stuck."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.chaos.accepted_leads import AcceptedLead
from tests.chaos.crm import Finding, Records, told
from tests.chaos.easycars_crm import EASYCARS_RECORDS

_SHORTEST_REASON = 15
_MOST_TRIES = 8


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
        Leads as the vendor has them.
    records
        Reads the book.
    invalid
        Requests that break the vendor's documents.
    faults
        (account or environment, kind) of every fault the vendor played.
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
    records: Records = EASYCARS_RECORDS
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
    name = f"{lead.external_id} of {remains.records.home_of(lead)}"
    where = ", ".join(remains.records.place_of(copy) for copy in copies)
    if len(copies) > 1:
        return [Finding("doubled", f"{name} is at the vendor as {where}; {told(row)}")]
    if row is None:
        return [Finding("lost", f"{name} is not in the ledger")]
    if row["state"] == "failed" and remains.may_be_parked:
        return _judge_parked(lead, row, remains)
    if not copies:
        return [Finding("lost", f"{name} is not at the vendor; {told(row)}")]
    if row["state"] != "delivered":
        return [Finding("other", f"{name} is at the vendor as {where}, open; {told(row)}")]
    return _judge_delivered(lead, row, copies[0], remains)


def _judge_parked(lead: AcceptedLead, row: Mapping[str, Any], remains: Remains) -> list[Finding]:
    """A parked lead needs a reason for people, and a fault or many tries that justify it."""
    name, code = lead.external_id, row["last_error_code"]
    if len(row["last_error"] or "") < _SHORTEST_REASON:
        return [Finding("other", f"{name} is parked without a reason; {told(row)}")]
    kinds = remains.records.justified_by.get(code, ())
    home = remains.records.home_of(lead) or ""
    if any((home, kind) in remains.faults for kind in kinds):
        return []
    if row["attempts"] >= _MOST_TRIES:
        return []
    return [Finding("other", f"{name} is parked and nothing justifies it; {told(row)}")]


def _judge_delivered(
    lead: AcceptedLead, row: Mapping[str, Any], copy: Mapping[str, Any], remains: Remains
) -> list[Finding]:
    found = list(remains.records.compare(lead, row, copy))
    versions = (row["version"], row["wanted_version"], row["delivered_version"])
    if versions != (lead.version,) * 3:
        text = f"{lead.external_id}: version, wanted, delivered are {versions}"
        found.append(Finding("stale", text))
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
        if (owner := remains.records.owner_of(copy)) is not None:
            found[owner].append(copy)
    return found
