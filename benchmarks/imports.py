"""What a cold start of the intake function spends on imports, beside the least it could be."""

import statistics
import subprocess
import sys
from operator import le
from pathlib import Path

from benchmarks.table import Line

_INTAKE = Path(__file__).parents[1] / "functions" / "lead_intake"
_OURS = f"import sys; sys.path.insert(0, {str(_INTAKE)!r}); import app"
_LEAST = """
import boto3, pydantic
boto3.client("sqs", region_name="ap-southeast-2")
class Lead(pydantic.BaseModel):
    name: str
"""
_CLOCK = """
import time
started = time.perf_counter()
exec({code!r})
print(time.perf_counter() - started)
"""


def measure(rounds: int) -> Line:
    """Import each in new processes, in turn; the first of each only warms the disk."""
    times: dict[str, list[float]] = {_OURS: [], _LEAST: []}
    for _ in range(rounds + 1):
        for code, taken in times.items():
            taken.append(_seconds(code))
    ours, least = (statistics.median(taken[1:]) for taken in times.values())
    return Line(
        job="import of lead_intake",
        ours=f"{ours * 1000:.0f} ms",
        other=f"boto3 SQS client + a Pydantic model {least * 1000:.0f} ms",
        figure=ours / least,
        unit="x",
        target=1.3,
        holds=le,
    )


def _seconds(code: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", _CLOCK.format(code=code)], capture_output=True, text=True, check=True
    )
    return float(done.stdout)
