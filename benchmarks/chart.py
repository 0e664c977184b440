"""Bars on a logarithmic scale as an SVG that reads on a light and on a dark page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.sax.saxutils import escape

_WIDTH = 760
_LABELS = 130
_VALUES = 90
_BAR = 16
_STEP = 22
_TITLE = 26
_GAP = 18
_MARGIN = 12
_FOOT = 18

_STYLE = """
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 13px }
.foot { fill: #57606a; font-size: 11px }
.ours { fill: #0a7d55 }
.floor { fill: #8c959f }
.peer { fill: #b4542a }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .foot { fill: #9198a1 }
  .ours { fill: #3fb68b }
  .floor { fill: #6e7681 }
  .peer { fill: #e08b5f }
}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar; ``value`` in milliseconds, above 0."""

    label: str
    value: float
    kind: Literal["ours", "floor", "peer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """Bars that are compared with each other."""

    title: str
    bars: Sequence[Bar]


def draw(panels: Sequence[Panel], conditions: str) -> str:
    """Write the chart; all panels share one scale, so that bars compare across them too.

    Parameters
    ----------
    conditions
        What stands below: the machine and the versions.
    """
    values = [bar.value for panel in panels for bar in panel.bars]
    low = 10.0 ** math.floor(math.log10(min(values)))
    decades = math.log10(max(values) / low)
    parts: list[str] = []
    y = _MARGIN
    for panel in panels:
        parts.append(_text(0, y + 14, panel.title, "title"))
        y += _TITLE
        for bar in panel.bars:
            share = math.log10(bar.value / low) / decades if decades else 1.0
            width = max(2.0, share * (_WIDTH - _LABELS - _VALUES))
            parts.append(_text(_LABELS - 8, y + 12, bar.label, anchor="end"))
            parts.append(
                f'<rect class="{bar.kind}" x="{_LABELS}" y="{y}" width="{width:.1f}"'
                f' height="{_BAR}" rx="2"/>'
            )
            parts.append(_text(_LABELS + width + 6, y + 12, _milliseconds(bar.value)))
            y += _STEP
        y += _GAP
    for line in ("Logarithmic scale.", conditions):
        parts.append(_text(0, y + 6, line, "foot"))
        y += _FOOT
    height = y
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}"'
        f' width="{_WIDTH}" height="{height}" role="img">\n'
        f"<style>{_STYLE}</style>\n{body}\n</svg>\n"
    )


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "start") -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
        f"{f' class="{kind}"' if kind else ''}>{escape(text)}</text>"
    )


def _milliseconds(value: float) -> str:
    return f"{value:,.1f} ms" if value < 100 else f"{value:,.0f} ms"
