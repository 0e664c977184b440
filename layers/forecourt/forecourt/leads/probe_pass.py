"""One look into one account for its creates of unknown outcome: search, read, adopt, conclude."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain

from forecourt.errors import ForecourtError, PermanentError, RetryableError
from forecourt.leads.accounts import Account
from forecourt.leads.probe_findings import Stop, Verdicts
from forecourt.leads.probe_ports import FoundLead, LeadProbe, ProbeLedger, Unconfirmed
from forecourt.leads.probe_rules import (
    MOST_READS,
    NumberSearch,
    Sought,
    number_value,
    trail_of,
    write_number,
)
from forecourt.leads.retry import RetryPolicy
from forecourt.logs import get_logger

_log = get_logger("lead_delivery")

_MOST_SOUGHT = 50
_CALL_SECONDS = 30.0
_LEAST_CALL_SECONDS = 2.0

_OTHER_CLIENT = (
    "The lead was sent as another client than the credentials' present one, and EasyCars shows a "
    "lead to its own client only: that it is not found proves nothing."
)
_UNCOUNTABLE = "EasyCars gave the account a lead number that cannot be counted up from."
_OUT_OF_SIGHT = (
    "EasyCars does not show the last numbers it gave to leads of ours: what it does not show "
    "proves nothing."
)
_TAKEN = "EasyCars has the lead as number {}, but here that is another lead's number."


class Reads:
    """What a pass may still ask of the vendor: how many leads, and until when."""

    def __init__(self, clock: Callable[[], float], ends_at: float) -> None:
        self._clock = clock
        self._ends_at = ends_at
        self._half_at = (clock() + ends_at) / 2
        self.leads = MOST_READS

    @property
    def seconds(self) -> float:
        """How long the next call may take."""
        return min(_CALL_SECONDS, self._ends_at - self._clock())

    @property
    def is_early(self) -> bool:
        """Tell whether the pass is still in its first half."""
        return self._clock() < self._half_at

    @property
    def has_time(self) -> bool:
        """Tell whether a call may still be begun."""
        return self.seconds >= _LEAST_CALL_SECONDS

    def take(self) -> bool:
        """Take one read of a lead, if there is one left and time for it."""
        if self.leads <= 0 or not self.has_time:
            return False
        self.leads -= 1
        return True


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """What every pass of a prober works with."""

    ledger: ProbeLedger
    probe: LeadProbe
    policy: RetryPolicy


class AccountPass:
    """Looks for creates with one client's credentials.

    Parameters
    ----------
    waiting
        All that is unconfirmed in the account: whichever of them is seen is adopted.
    reads
        What the pass may ask of the vendor, over all clients of the account.
    """

    def __init__(
        self,
        scope: str,
        account: Account,
        *,
        waiting: Sequence[Unconfirmed],
        ports: Ports,
        reads: Reads,
    ) -> None:
        self._scope = scope
        self._credentials = account.credentials
        self._waiting = {str(row.lead.external_id): row for row in waiting}
        self._ledger = ports.ledger
        self._probe = ports.probe
        self._reads = reads
        self._known = ports.ledger.known_numbers(scope, account.credentials.lead_source)
        self._verdicts = Verdicts(self._known, ports.policy)
        self._has_contact: dict[tuple[str, str], bool] = {}
        self._search = NumberSearch({}, highest=0, first=None)

    def look_for(self, seekers: Sequence[Unconfirmed]) -> None:
        """Look for these, at most fifty of them, and store what was found out.

        Those that were not come to stay due.

        Raises
        ------
        RetryableError
            The database is away.
        """
        sought = self._search_contacts(seekers[:_MOST_SOUGHT])
        if self._verdicts.stop is None:
            self._read_numbers([row for row in sought if not self._verdicts.is_absent(row)])
        if self._verdicts.new_highest is not None:
            self._ledger.note_number(self._scope, self._verdicts.new_highest)
        findings = self._verdicts.findings(sought, self._search.sought)
        for finding in findings:
            _log.info(
                "Looked for a lead at EasyCars",
                delivery_id=finding.delivery_id,
                outcome=finding.outcome,
                code=finding.code,
                detail=finding.detail,
            )
        self._ledger.settle(self._scope, findings, since=self._known.as_of)

    def _search_contacts(self, rows: Sequence[Unconfirmed]) -> Sequence[Unconfirmed]:
        """Conclude that a lead is absent whose customer nobody knows; gives those looked at.

        Only the version that was sent says what was sent, so an edited lead is not searched for.
        Searches for many customers end at half the time, or no number would ever be read.
        """
        for looked_at, row in enumerate(rows):
            if looked_at > 0 and not self._reads.is_early:
                return rows[:looked_at]
            if row.lead.version != row.sent_version:
                continue
            try:
                keys = self._probe.contact_keys(row.lead)
            except PermanentError:
                continue
            wanted = [("email", email) for email in keys.emails]
            if keys.phone is not None:
                wanted.append(("phone", keys.phone))
            for kind, text in wanted:
                has_contact = self._ask_for_contact(kind, text)
                if has_contact is None:
                    return rows
                if has_contact:
                    break
            else:
                self._verdicts.nobody_knows(row)
        return rows

    def _ask_for_contact(self, kind: str, text: str) -> bool | None:
        """Ask once for each e-mail and phone; None ends the pass."""
        key = (kind, text)
        if key not in self._has_contact:
            if not self._reads.has_time:
                self._verdicts.stop = Stop.limit_reached()
                return None
            try:
                self._has_contact[key] = not self._probe.has_no_contact(
                    self._credentials, **{kind: text}, seconds=self._reads.seconds
                )
            except ForecourtError as error:
                self._stop_for(error)
                return None
        return self._has_contact[key]

    def _read_numbers(self, rows: Sequence[Unconfirmed]) -> None:
        """Read leads by number until all is known that can be, or the pass has to end."""
        sought = self._countable(rows)
        if not sought:
            return
        self._search = NumberSearch(
            sought,
            highest=number_value(self._known.highest) or 0,
            first=number_value(self._known.first),
        )
        if not self._search.open or not self._sees_own_leads(rows):
            return
        search = self._search
        for number in chain(search.beginning(), search.downward(), self._upward()):
            found = self._read(number)
            if self._verdicts.stop is not None:
                return
            search.saw(number, found)
            if found is not None:
                self._meet(found)

    def _countable(self, rows: Sequence[Unconfirmed]) -> dict[int, Sought]:
        """Give those that can be looked for by number; the others get their reason."""
        is_countable = self._known.highest is None or number_value(self._known.highest) is not None
        sought: dict[int, Sought] = {}
        for row in rows:
            trail = trail_of(row.probe_from, row.probe_upto)
            if trail is None or not is_countable:
                self._verdicts.explain(row, _UNCOUNTABLE)
            elif row.lead_source != self._credentials.lead_source:
                self._verdicts.explain(row, _OTHER_CLIENT)
            else:
                later = number_value(row.later_number)
                sought[row.delivery_id] = Sought(trail=trail, sent_by=row.sent_by, later=later)
        return sought

    def _sees_own_leads(self, rows: Sequence[Unconfirmed]) -> bool:
        """Read one of our own leads, because only who sees those can miss another.

        What a number looks like that is not shown is not documented, and a refused account may
        look the same.
        """
        for number in self._known.own:
            value = number_value(number)
            if value is None:
                continue
            found = self._read(value)
            if found is not None:
                return True
            if self._verdicts.stop is not None:
                return False
        if not self._known.own:
            return True
        for row in rows:
            self._verdicts.explain(row, _OUT_OF_SIGHT)
        return False

    def _upward(self) -> Iterator[int]:
        start = self._search.start
        if start is None:
            return
        highest, limit = number_value(self._known.highest) or 0, self._reads.leads + 1
        gaps = self._ledger.gaps(self._scope, after=start, upto=highest, limit=limit)
        yield from self._search.upward(gaps, complete=len(gaps) < limit)

    def _read(self, number: int) -> FoundLead | None:
        """Read one number; None where it is not found, or where the pass has to stop."""
        if not self._reads.take():
            self._verdicts.stop = Stop.limit_reached()
            return None
        text = write_number(number, like=self._known.highest or self._known.first)
        try:
            found = self._probe.read_lead(self._credentials, text, seconds=self._reads.seconds)
        except ForecourtError as error:
            self._stop_for(error)
            return None
        if found is not None and number_value(found.number) != number:
            self._verdicts.stop = Stop.another_number(text)
            return None
        if found is not None:
            self._verdicts.saw(found.number)
        return found

    def _meet(self, found: FoundLead) -> None:
        """Adopt what was found, if it is one of those that are waiting."""
        row = self._waiting.get((found.external_id or "").strip().lower())
        if row is None:
            return
        self._search.found(row.delivery_id)
        detail = f"EasyCars has the lead as number {found.number}."
        if self._ledger.adopt(self._scope, row, found, detail):
            _log.info(
                "Lead found at EasyCars", delivery_id=row.delivery_id, lead_number=found.number
            )
            self._verdicts.adopted(row)
        else:
            self._verdicts.explain(row, _TAKEN.format(found.number))

    def _stop_for(self, error: ForecourtError) -> None:
        """End the pass: nothing the vendor did not clearly say counts as not found."""
        if isinstance(error, RetryableError) and not self._reads.has_time:
            self._verdicts.stop = Stop.limit_reached()
        else:
            self._verdicts.stop = Stop.for_error(error)
