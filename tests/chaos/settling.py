"""After the trouble: let time pass until nothing moves, and collect what remains."""

import json
import random
from collections.abc import Sequence
from dataclasses import replace

from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.checker import Remains, judge
from tests.chaos.crew import Crew
from tests.chaos.crm import Crm, Finding
from tests.chaos.wave_player import WavePlayer
from tests.chaos.world import World

_HOUR = 3600.0
_MOST_HOURS = 24 * 14
_DOUBTFUL_HOURS = 2
_MOST_ROUNDS = 3000
_MOST_ERRORS = 20
"""A handler that raises every time would be asked for two weeks."""
_UNENDED = {"pending", "in_progress", "unconfirmed"}

_NEXT = """
SELECT extract(epoch FROM min(due) - now())::float8 AS wait FROM (
    SELECT CASE d.state WHEN 'in_progress' THEN d.lease_until
           ELSE greatest(d.next_attempt_at, d.woken_until) END AS due
    FROM lead_delivery d WHERE d.state IN ('in_progress', 'pending', 'unconfirmed')
    UNION ALL SELECT greatest(open_until, trial_until) FROM circuit_breaker
    UNION ALL SELECT hold_until FROM dealership_easycars_credentials
    UNION ALL SELECT hold_until FROM dynamics_connection
    UNION ALL SELECT closed_until FROM dynamics_budget
) waits WHERE due > now()
"""
_STATES = "SELECT DISTINCT state FROM lead_delivery"
_ROWS = """
SELECT l.external_id, l.version, l.announced_at, d.id, d.state,
       CASE WHEN d.target = 'Dynamics' THEN d.remote_id ELSE l.easycars_lead_number END AS remote,
       d.attempts, d.last_error_code, d.last_error, d.wanted_version, d.delivered_version
FROM lead l LEFT JOIN lead_delivery d ON d.lead_id = l.id AND d.target = %s
WHERE l.dealership_id = ANY(%s)
"""
_OPEN_TRIES = "SELECT count(*) AS open FROM lead_delivery_attempt WHERE outcome IS NULL"


def settle(
    world: World,
    crew: Crew,
    player: WavePlayer,
    leads: AcceptedLeads,
    chance: random.Random,
    *,
    later_leads: bool = True,
) -> None:
    """Sweep, deliver and let time pass until everything has ended, or for two weeks.

    Where nothing is left but doubts, every account gets one more lead with `later_leads`: from its
    number follows the truth about the earlier ones. Without it a doubt about an account's last
    lead may be right.
    """
    until = world.passed + _MOST_HOURS * _HOUR
    doubtful_since: float | None = None
    for _ in range(_MOST_ROUNDS):
        crew.sweep()
        crew.deliver()
        unended = {row["state"] for row in world.rows(_STATES)} & _UNENDED
        if (not unended and not world.messages) or world.passed > until:
            return
        if len(crew.errors) > _MOST_ERRORS:
            return
        if unended != {"unconfirmed"}:
            doubtful_since = None
        elif doubtful_since is None:
            doubtful_since = world.passed
        elif later_leads and world.passed - doubtful_since > _DOUBTFUL_HOURS * _HOUR:
            for dealership_id in leads.dealerships:
                player.accept(1, chance, dealership_id)
            doubtful_since = None
            continue
        world.let_pass(_next_wait(world))


def _next_wait(world: World) -> float:
    """Tell for how long nothing happens; an hour at most."""
    (row,) = world.rows(_NEXT)
    waits = (_HOUR, world.next_visible_in(), row["wait"])
    return max(min(wait for wait in waits if wait is not None), 0.0) + 1.0


def _announced(published: Sequence[str]) -> frozenset[str]:
    """Read which leads were published; alerts for people share the endpoint."""
    events = [json.loads(text) for text in published if text.startswith("{")]
    return frozenset(event["leadId"] for event in events if event["event"] == "lead.accepted")


def judge_all(
    world: World,
    leads: AcceptedLeads,
    *,
    poison: Sequence[str] = (),
    errors: Sequence[str] = (),
    may_be_parked: bool = False,
) -> list[Finding]:
    """Judge what there is now: the whole of it with the CRM in trouble, then each other CRM."""
    found = judge(remains_of(world, leads, poison, errors, may_be_parked=may_be_parked))
    for crm in world.crms[1:]:
        found.extend(judge(_held_by(crm, world, leads)))
    return found


def remains_of(
    world: World,
    leads: AcceptedLeads,
    poison: Sequence[str] = (),
    errors: Sequence[str] = (),
    *,
    may_be_parked: bool = False,
) -> Remains:
    """Collect what is there now."""
    (tries,) = world.rows(_OPEN_TRIES)
    return replace(
        _held_by(world.crm, world, leads),
        open_attempts=tries["open"],
        messages_left=world.messages,
        buried=world.buried,
        poison=poison,
        announced=_announced(world.aws.published),
        errors=errors,
        may_be_parked=may_be_parked,
    )


def _held_by(crm: Crm, world: World, leads: AcceptedLeads) -> Remains:
    """Collect what one CRM and the ledger have of the leads that go there."""
    home_of = crm.records.home_of
    dealerships = [name for name, homes in leads.dealerships.items() if home_of(homes) is not None]
    seen = crm.simulator.requests()
    return Remains(
        accepted={name: lead for name, lead in leads.leads.items() if home_of(lead) is not None},
        rows=world.rows(_ROWS, crm.target, dealerships),
        book=crm.book(world.scene),
        records=crm.records,
        invalid=[
            f"{each.operation} of {each.account}: {' '.join(each.reasons)}"
            for each in crm.simulator.invalid_requests()
        ],
        faults=frozenset((each.account or "", each.fault) for each in seen if each.fault),
    )
