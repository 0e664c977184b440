"""The page at ``/``: what a vendor holds, for a person who watches. It changes nothing."""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from local.simulation.faults import PlannedFault
from local.simulation.service import SimulatedVendor

NEWEST = 20
"""How many of what there may be many of are shown."""

_STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; } h2 { font-size: 1.05rem; margin: 2rem 0 .4rem; }
p { margin: .2rem 0; opacity: .75; }
table { border-collapse: collapse; width: 100%; }
th, td { border-bottom: 1px solid #8885; padding: .35rem .6rem .35rem 0; text-align: left; }
th { font-weight: 600; opacity: .75; } td { overflow-wrap: anywhere; }
@media (max-width: 767px) {
  tr:first-child { display: none; }
  tr { display: block; border-bottom: 1px solid #8885; padding: .4rem 0; }
  td { display: flex; border: 0; padding: .1rem 0; }
  td::before { content: attr(data-head); flex: 0 0 8rem; opacity: .75; }
}
"""

type Section = tuple[str, Sequence[str], Iterable[Sequence[Any]]]
"""Title, heads and rows of a table."""


def page_for_people[Fault: PlannedFault](
    title: str, simulator: SimulatedVendor[Fault], sections: Iterable[Section]
) -> str:
    """Write the page as HTML; everything a request brought in is escaped."""
    counts = simulator.counts()
    summary = ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none yet"
    invalid = simulator.invalid_requests()
    shown = [
        *sections,
        ("Faults waiting", ("Fault", "Operation", "Account", "Left"), _faults(simulator)),
        (
            "Requests against the documents",
            ("No.", "Operation", "Account", "Why"),
            [
                (each.number, each.operation, each.account or "", " ".join(each.reasons))
                for each in invalid[-NEWEST:][::-1]
            ],
        ),
    ]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="refresh" content="5">'
        f"<title>{title}</title><style>{_STYLE}</style></head><body>"
        f"<h1>{title}</h1>"
        "<p>Not the vendor: a stand-in on this machine. The page renews itself every 5 seconds.</p>"
        f"<p>Requests: {escape(summary)}. Against the vendor's documents: {len(invalid)}.</p>"
        + "".join(_section(*section) for section in shown)
        + "</body></html>"
    )


def _faults[Fault: PlannedFault](simulator: SimulatedVendor[Fault]) -> Iterable[Sequence[Any]]:
    for fault, left in simulator.faults():
        yield (
            fault.kind if fault.code is None else f"{fault.kind} {fault.code}",
            fault.operation or "every",
            fault.account or "every",
            "always" if left is None else left,
        )


def _section(title: str, heads: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    lines = [
        "<tr>"
        + "".join(
            f'<td data-head="{head}">{escape(str(cell))}</td>'
            for head, cell in zip(heads, row, strict=True)
        )
        + "</tr>"
        for row in rows
    ]
    if not lines:
        return f"<h2>{title}</h2><p>None.</p>"
    head = "".join(f'<th scope="col">{name}</th>' for name in heads)
    return f"<h2>{title}</h2><table><tr>{head}</tr>{''.join(lines)}</table>"
