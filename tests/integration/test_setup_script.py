"""``requirements/setup.sh``: which Python it takes, and what it says when there is none."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = Path(sys.base_prefix, "bin", "python3.13")
TOOLS = ("bash", "dirname", "ls", "touch", "env", "cat", "mkdir", "ln")

# Makes an environment as uv would, and installs nothing.
UV = """#!/bin/bash
echo "uv $*" >> "$CALLS"
case "$1" in
  venv) mkdir -p "${@: -1}/bin"; while [ $# -gt 1 ]; do
    [ "$1" = --python ] && ln -sf "$2" "${@: -1}/bin/python"; shift; done ;;
  python) exit 2 ;;
esac
"""


class Machine:
    """A machine with few tools and the Pythons a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        (self.project / "requirements").mkdir(parents=True)
        shutil.copy(ROOT / "requirements/setup.sh", self.project / "requirements")
        self.tools = folder / "bin"
        self.tools.mkdir()
        for name in TOOLS:
            found = shutil.which(name)
            assert found
            (self.tools / name).symlink_to(found)
        self.path = [self.tools]
        self.home = folder / "home"
        self.home.mkdir()
        self.calls = folder / "calls"
        self.calls.touch()

    def add(self, path: Path, text: str) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def add_uv(self) -> None:
        self.add(self.tools / "uv", UV)

    def add_pyenv(self, root: Path) -> None:
        """Pyenv with a 3.13 that nobody selected: its shim fails."""
        shim = self.add(
            root / "shims/python3.13", "#!/bin/bash\necho 'command not found' >&2\nexit 127\n"
        )
        self.path.append(shim.parent)
        python = root / "versions/3.13.7/bin/python3.13"
        python.parent.mkdir(parents=True)
        python.symlink_to(PYTHON)

    def set_up(self, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.project / "requirements/setup.sh", ".venv", "dev"],
            env={
                "PATH": os.pathsep.join(map(str, self.path)),
                "HOME": str(self.home),
                "CALLS": str(self.calls),
                **variables,
            },
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def python_taken(self) -> Path:
        return (self.project / ".venv/bin/python").readlink()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.mark.parametrize("with_uv", [False, True])
def test_a_machine_without_python_3_13_gets_one_sentence(machine: Machine, with_uv: bool) -> None:
    if with_uv:
        machine.add_uv()
    machine.add(machine.tools / "python3", "#!/bin/bash\nexit 1\n")

    done = machine.set_up()

    assert done.returncode == 1
    [sentence] = done.stderr.splitlines()
    assert sentence.startswith("Forecourt needs Python 3.13 and found none: install it")
    # Least of all is one downloaded unasked.
    assert all("--no-python-downloads" in call for call in machine.calls.read_text().splitlines())


def test_a_version_that_pyenv_has_not_selected_is_taken_beside_its_shim(
    machine: Machine, tmp_path: Path
) -> None:
    machine.add_uv()
    machine.add_pyenv(tmp_path / "pyenv")

    done = machine.set_up()

    assert done.returncode == 0, done.stderr
    assert machine.python_taken == tmp_path / "pyenv/versions/3.13.7/bin/python3.13"
    assert (machine.project / ".venv/.dev-ready").exists()


def test_pyenv_in_the_home_folder_is_found_without_its_shims(machine: Machine) -> None:
    machine.add_uv()
    machine.add_pyenv(machine.home / ".pyenv")
    machine.path.pop()

    assert machine.set_up().returncode == 0
    assert machine.python_taken.is_relative_to(machine.home)


def test_the_python_that_is_named_is_taken(machine: Machine, tmp_path: Path) -> None:
    machine.add_uv()
    machine.add_pyenv(tmp_path / "pyenv")

    assert machine.set_up(PYTHON=str(PYTHON)).returncode == 0
    assert machine.python_taken == PYTHON


def test_another_python_that_is_named_is_refused(machine: Machine, tmp_path: Path) -> None:
    machine.add_uv()
    other = machine.add(tmp_path / "python3.11", "#!/bin/bash\nexit 1\n")

    done = machine.set_up(PYTHON=str(other))

    assert done.returncode == 1
    assert done.stderr == f"PYTHON={other} is not a working Python 3.13.\n"


def test_everything_is_installed_by_hash_and_the_project_without_its_own_choice(
    machine: Machine,
) -> None:
    machine.add_uv()
    machine.set_up(PYTHON=str(PYTHON))

    _, dependencies, project = machine.calls.read_text().splitlines()
    assert dependencies.endswith("--require-hashes -r requirements/dev.txt")
    assert project.endswith("--no-deps --no-build-isolation --editable .")


def test_an_environment_that_works_is_kept(machine: Machine) -> None:
    machine.add_uv()
    machine.set_up(PYTHON=str(PYTHON))
    machine.calls.write_text("")

    assert machine.set_up().returncode == 0
    assert "uv venv" not in machine.calls.read_text()
