"""What happened in chaos runs, in numbers people can compare."""

from collections import Counter
from dataclasses import dataclass, field, fields


@dataclass(kw_only=True)
class Figures:
    """Adds up over runs.

    ``kills`` counts workers ended by SIGKILL while they worked on a batch, ``kills_amid_creates``
    those with several creates of one account under way, in doubt or in the dead worker's hands,
    and ``kills_of_sweepers`` those of the sweeper. ``lost``, ``doubled``, ``stale`` (not the last
    version) and ``invalid`` (requests that break the vendor's documents) must be 0, and so must
    ``other`` findings.
    """

    runs: int = 0
    leads: int = 0
    edits: int = 0
    batches: int = 0
    kills: int = 0
    kills_amid_creates: int = 0
    kills_of_sweepers: int = 0
    freezes: int = 0
    time_jumps: int = 0
    clock_steps: int = 0
    vendor_faults: int = 0
    vendor_outages: int = 0
    aws_faults: int = 0
    database_crashes: int = 0
    connections_cut: int = 0
    commits_held: int = 0
    messages_twice: int = 0
    foreign_leads: int = 0
    vendor_requests: int = 0
    probe_reads: int = 0
    parked: int = 0
    adopted: int = 0
    created_again: int = 0
    simulated_hours: float = 0.0
    seconds: float = 0.0
    lost: int = 0
    doubled: int = 0
    stale: int = 0
    invalid: int = 0
    other: int = 0
    kills_at: Counter[str] = field(default_factory=Counter)
    faults_met: Counter[str] = field(default_factory=Counter)

    def add(self, more: "Figures") -> None:
        """Add another run's figures."""
        for each in fields(self):
            setattr(self, each.name, getattr(self, each.name) + getattr(more, each.name))

    @property
    def is_clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.doubled or self.stale or self.invalid or self.other)

    def lines(self) -> list[str]:
        """Write the figures for a person, one line each."""
        shown = []
        for each in fields(self):
            value = getattr(self, each.name)
            label = each.name.replace("_", " ")
            if isinstance(value, Counter):
                parts = ", ".join(f"{name} {count}" for name, count in sorted(value.items()))
                shown.append(f"{label:>20}  {parts or '-'}")
            else:
                number = f"{value:.1f}" if isinstance(value, float) else str(value)
                shown.append(f"{label:>20}  {number}")
        return shown
