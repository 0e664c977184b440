"""The workers of one run: given batches, killed, frozen, replaced; and what became of them."""

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecourt.errors import SkippableError
from forecourt.leads.message import LeadMessage, WakeUpMessage, parse_message
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.figures import Figures
from tests.chaos.standard_queue import Received
from tests.chaos.workers import Doom, Ending, Worker, batch_event
from tests.chaos.world import World

_SWEEPER = "delivery_sweeper"

_IN_DOUBT = """
SELECT l.external_id, d.state
FROM lead l JOIN lead_delivery d ON d.lead_id = l.id
WHERE l.easycars_lead_number IS NULL AND d.state IN ('pending', 'in_progress', 'unconfirmed')
"""


@dataclass(frozen=True, slots=True)
class Work:
    """A batch with a worker, and what is to befall it."""

    worker: Worker
    messages: Sequence[Received]
    doom: Doom | None


class Crew:
    """Keeps idle workers from batch to batch, as Lambda keeps sandboxes."""

    def __init__(self, world: World, leads: AcceptedLeads, figures: Figures) -> None:
        self._world = world
        self._leads = leads
        self._figures = figures
        self._idle: list[Worker] = []
        self._sweeper: Worker | None = None
        self.errors: list[str] = []

    def begin(self, doom: Doom | None = None) -> Work | None:
        """Give a worker a batch; None where the queue has nothing to give."""
        messages = self._world.queue.receive()
        if not messages:
            return None
        worker = self._idle.pop(0) if self._idle else self._world.open_worker()
        worker.begin({"event": batch_event(messages)}, doom)
        self._figures.batches += 1
        return Work(worker, messages, doom)

    def finish(self, work: Work, *, keep: bool = True) -> None:
        """Wait for the worker's answer or death and do what AWS does then."""
        ending = work.worker.finish()
        if ending.died is not None:
            self._note_death(work, ending.died)
            return
        if ending.error is not None:
            self.errors.append(ending.error)
        else:
            self._acknowledge(work.messages, ending.answer)
        if keep:
            self._idle.append(work.worker)
        else:
            work.worker.close()

    def deliver(self, most_batches: int = 1000) -> None:
        """Deliver batch after batch until nothing is visible."""
        for _ in range(most_batches):
            work = self.begin()
            if work is None:
                return
            self.finish(work)

    def sweep(self, doom: Doom | None = None) -> None:
        """Let the sweeper look once; it is a process of its own and can be killed, too."""
        worker, self._sweeper = self._sweeper or self._world.open_worker(_SWEEPER), None
        ending: Ending = worker.invoke({"task": "sweep"}, doom)
        if ending.died is not None:
            self._figures.kills_of_sweepers += 1
            return
        if ending.error is not None:
            self.errors.append(ending.error)
        self._sweeper = worker

    def dismiss(self) -> None:
        """Let all idle workers end."""
        for worker in [*self._idle, *([self._sweeper] if self._sweeper else [])]:
            worker.close()
        self._idle.clear()
        self._sweeper = None

    def _note_death(self, work: Work, signum: int) -> None:
        if signum != signal.SIGKILL:
            self.errors.append(f"a worker died by signal {signum}")
        figures = self._figures
        figures.kills += 1
        where = "any time" if work.doom is None or work.doom.step is None else work.doom.step
        figures.kills_at[str(where)] += 1
        if self._creates_in_flight(work) > 1:
            figures.kills_amid_creates += 1

    def _creates_in_flight(self, work: Work) -> int:
        """Count the creates under way, in doubt or in the dead worker's hands, in one account."""
        in_hands = leads_in(work)
        per_account: Counter[str] = Counter()
        for row in self._world.rows(_IN_DOUBT):
            lead = str(row["external_id"])
            if row["state"] != "pending" or lead in in_hands:
                per_account[self._leads.leads[lead].account] += 1
        return max(per_account.values(), default=0)

    def _acknowledge(self, messages: Sequence[Received], answer: Mapping[str, Any]) -> None:
        failed = {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        for message in messages:
            if message.message_id not in failed:
                self._world.queue.delete(message.handle)


def leads_in(work: Work) -> set[str]:
    """Name the leads a batch is about."""
    return {lead for message in work.messages if (lead := _lead_of(message)) is not None}


def _lead_of(message: Received) -> str | None:
    try:
        read = parse_message(message.body)
    except SkippableError:
        return None
    return str(read.lead_id) if isinstance(read, LeadMessage | WakeUpMessage) else None
