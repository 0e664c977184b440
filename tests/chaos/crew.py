"""The workers of one run: given batches, killed, frozen, replaced; and what became of them."""

import signal
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from forecourt.errors import SkippableError
from forecourt.leads.message import LeadMessage, WakeUpMessage, parse_message
from tests.chaos.accepted_leads import AcceptedLeads
from tests.chaos.crm import Crm
from tests.chaos.figures import Figures
from tests.chaos.standard_queue import Received
from tests.chaos.workers import Doom, Ending, Worker, batch_event
from tests.chaos.world import World

_SWEEPER = "delivery_sweeper"


@dataclass(frozen=True, slots=True)
class Work:
    """A batch with a worker of a CRM's function, and what is to befall it."""

    crm: Crm
    worker: Worker
    messages: Sequence[Received]
    doom: Doom | None


class Crew:
    """Keeps idle workers from batch to batch, as Lambda keeps sandboxes."""

    def __init__(self, world: World, leads: AcceptedLeads, figures: Figures) -> None:
        self._world = world
        self._leads = leads
        self._figures = figures
        self._idle: dict[str, list[Worker]] = {crm.function: [] for crm in world.crms}
        self._sweeper: Worker | None = None
        self.errors: list[str] = []

    def begin(self, doom: Doom | None = None) -> Work | None:
        """Give a worker a batch; None where no queue has anything to give.

        The queue of the CRM that trouble is made for comes first.
        """
        for crm in self._world.crms:
            if (work := self.begin_for(crm, doom)) is not None:
                return work
        return None

    def begin_for(self, crm: Crm, doom: Doom | None = None) -> Work | None:
        """Give a worker a batch of one queue; None where it has nothing to give."""
        messages = self._world.aws.queues[crm.target].receive()
        if not messages:
            return None
        idle = self._idle[crm.function]
        worker = idle.pop(0) if idle else self._world.open_worker(crm.function)
        worker.begin({"event": batch_event(messages)}, doom)
        self._figures.batches += 1
        return Work(crm, worker, messages, doom)

    def finish(self, work: Work, *, keep: bool = True) -> None:
        """Wait for the worker's answer or death and do what AWS does then."""
        ending = work.worker.finish()
        if ending.died is not None:
            self._note_death(work, ending.died)
            return
        if ending.error is not None:
            self.errors.append(ending.error)
        else:
            self._acknowledge(work, ending.answer)
        if keep:
            self._idle[work.crm.function].append(work.worker)
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
        idle = [worker for workers in self._idle.values() for worker in workers]
        for worker in [*idle, *([self._sweeper] if self._sweeper else [])]:
            worker.close()
        for workers in self._idle.values():
            workers.clear()
        self._sweeper = None

    def _note_death(self, work: Work, signum: int) -> None:
        if signum != signal.SIGKILL:
            self.errors.append(f"a worker died by signal {signum}")
        figures = self._figures
        figures.kills += 1
        where = "any time" if work.doom is None or work.doom.step is None else work.doom.step
        figures.kills_at[str(where)] += 1
        if work.crm is self._world.crm and self._creates_in_flight(work) > 1:
            figures.kills_amid_creates += 1

    def _creates_in_flight(self, work: Work) -> int:
        """Count the creates under way, in doubt or in the dead worker's hands, in one home."""
        in_hands = leads_in(work)
        per_home: Counter[str | None] = Counter()
        for row in self._world.rows(work.crm.in_doubt):
            lead = str(row["external_id"])
            if row["state"] != "pending" or lead in in_hands:
                per_home[work.crm.records.home_of(self._leads.leads[lead])] += 1
        return max(per_home.values(), default=0)

    def _acknowledge(self, work: Work, answer: Mapping[str, Any]) -> None:
        failed = {entry["itemIdentifier"] for entry in answer["batchItemFailures"]}
        for message in work.messages:
            if message.message_id not in failed:
                self._world.aws.queues[work.crm.target].delete(message.handle)


def leads_in(work: Work) -> set[str]:
    """Name the leads a batch is about."""
    return {lead for message in work.messages if (lead := _lead_of(message)) is not None}


def _lead_of(message: Received) -> str | None:
    try:
        read = parse_message(message.body)
    except SkippableError:
        return None
    return str(read.lead_id) if isinstance(read, LeadMessage | WakeUpMessage) else None
