"""What `make build` made, built again when sources are newer."""

import fcntl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from local.built_functions import BuiltFunction, built_functions
from tests.support.sam_template import ROOT


def up_to_date_build() -> dict[str, BuiltFunction]:
    """Build what is stale, one test process at a time, and return what was built."""
    with _alone():
        built = subprocess.run(
            ["make", "build"], cwd=ROOT, capture_output=True, text=True, timeout=900, check=False
        )
    assert built.returncode == 0, built.stdout + built.stderr
    return built_functions(ROOT / ".aws-sam/build")


@contextmanager
def _alone() -> Iterator[None]:
    folder = ROOT / ".aws-sam"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
