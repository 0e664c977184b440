"""Map a lead to the columns of a tenant's lead table (Dataverse reference, part 2).

Only columns the tenant has, and the connection does not forbid, are named. What a column cannot
hold is cut or left out as :mod:`forecourt.dynamics.fitting` says, goes to the description where
that helps, and is told in ``left_out``. A lead without a company fills the core columns only.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from forecourt.dynamics.company_columns import company_notes, company_wishes
from forecourt.dynamics.core_columns import DESCRIPTION, core_wishes, description_lines
from forecourt.dynamics.fitting import Value, Wish, clean_text, text_length
from forecourt.dynamics.tenant_table import TenantTable
from forecourt.leads.lead import Lead
from forecourt.text_limits import shorten_utf16, utf16_length

_IN_FULL_BELOW = "All of it stands in description."


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedLead:
    """What the tenant's columns are to hold.

    Parameters
    ----------
    columns
        By logical name; None for a column that is to be empty.
    left_out
        What could not be put there as it is, one sentence each without personal data.
    """

    columns: Mapping[str, Value]
    left_out: tuple[str, ...]


def map_lead(lead: Lead, table: TenantTable) -> MappedLead:
    """Return what the table is to hold of a lead, but for the columns that tell of the push."""
    company = lead.company or {}
    wishes = core_wishes(lead) + (company_wishes(company) if company else [])
    columns, notes, moved = _fit_all(wishes, table)
    if table.column(DESCRIPTION) is not None:
        text, cut = _description(lead, moved, table)
        columns[DESCRIPTION] = text
        if cut is not None:
            notes[DESCRIPTION] = cut
        for name, line in moved.items():
            if isinstance(text, str) and line in text:
                notes[name] = f"{notes[name]} {_IN_FULL_BELOW}"
    told = [f"{name}: {note}" for name, note in notes.items()]
    return MappedLead(columns=columns, left_out=(*told, *company_notes(company)))


def _fit_all(
    wishes: Iterable[Wish], table: TenantTable
) -> tuple[dict[str, Value], dict[str, str], dict[str, str]]:
    """Return what the columns hold, what is to be said of them, and lines for the description."""
    columns: dict[str, Value] = {}
    notes: dict[str, str] = {}
    moved: dict[str, str] = {}
    for wish in wishes:
        fitted = table.fit(wish)
        if fitted is None:
            continue
        columns[wish.column] = fitted.value
        if fitted.note is not None:
            notes[wish.column] = fitted.note
            line = clean_text(wish.line or "", lines=False)
            if line is not None:
                moved[wish.column] = line
    return columns, notes, moved


def _description(
    lead: Lead, moved: Mapping[str, str], table: TenantTable
) -> tuple[Value, str | None]:
    """Return the description, and what is to be said of it.

    The facts below the message are short and nowhere else: the message gives way to them, down to
    half of the room.
    """
    column = table.column(DESCRIPTION)
    limit = 0 if column is None else text_length(column)
    lines = (clean_text(line, lines=False) for line in (*description_lines(lead), *moved.values()))
    facts = "\n".join(dict.fromkeys(line for line in lines if line))
    message = clean_text(lead.message, lines=True) or ""
    whole = "\n\n".join(part for part in (message, facts) if part)
    text, note = whole, None
    if utf16_length(whole) > limit:
        room = limit - utf16_length(facts) - 2 if facts else limit
        message = shorten_utf16(message, max(room, limit // 2))
        facts = shorten_utf16(facts, limit - utf16_length(message) - 2 if message else limit)
        text = "\n\n".join(part for part in (message, facts) if part)
        note = f"cut to {limit} of {utf16_length(whole)} characters."
    fitted = table.fit(Wish(column=DESCRIPTION, value=text))
    return (None, note) if fitted is None else (fitted.value, fitted.note or note)
