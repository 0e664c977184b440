"""Requirement files are pinned, hashed, free of addresses, and agree with each other."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "requirements"
LAYER = ROOT / "layers/dependencies/requirements.txt"
COMPILED = [*sorted(FOLDER.glob("*.txt")), LAYER]
PIN = re.compile(r"^([a-z0-9._-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)
OPTION_WITH_ADDRESS = re.compile(r"^\s*(-i|-f|--[a-z-]*(index|links|host)[a-z-]*)\b", re.MULTILINE)


def blocks(path: Path) -> dict[str, tuple[str, frozenset[str]]]:
    """Pin (with its markers) and hashes by package."""
    found = {}
    text = re.sub(r"^\s*#.*\n", "", path.read_text("utf-8"), flags=re.MULTILINE)
    for block in re.split(r"\n(?=\S)", text.strip()):
        requirement, *hashes = block.replace("\\", "").split("--hash=")
        found[requirement.split("==")[0].strip()] = (
            requirement.strip(),
            frozenset(one.strip() for one in hashes),
        )
    return found


def test_every_input_is_compiled() -> None:
    assert {path.stem for path in FOLDER.glob("*.in")} == {p.stem for p in FOLDER.glob("*.txt")}


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.parent.name + "/" + path.name)
def test_everything_is_pinned_and_hashed(path: Path) -> None:
    assert blocks(path)
    for requirement, hashes in blocks(path).values():
        assert PIN.match(requirement), requirement
        assert hashes, requirement
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one) for one in hashes)


@pytest.mark.parametrize("path", COMPILED, ids=lambda path: path.parent.name + "/" + path.name)
def test_no_file_names_where_packages_come_from(path: Path) -> None:
    text = path.read_text("utf-8")

    assert "://" not in text
    assert OPTION_WITH_ADDRESS.search(text) is None


def test_the_dependencies_layer_is_the_runtime_set() -> None:
    assert blocks(LAYER) == blocks(FOLDER / "runtime.txt")


@pytest.mark.parametrize("name", ["runtime", "bench", "uv"])
def test_a_package_has_one_version_in_every_environment_of_ours(name: str) -> None:
    dev = {
        package: pin.split(";")[0].strip()
        for package, (pin, _) in blocks(FOLDER / "dev.txt").items()
    }
    other = {
        package: pin.split(";")[0].strip()
        for package, (pin, _) in blocks(FOLDER / f"{name}.txt").items()
    }
    shared = dev.keys() & other.keys()

    assert {package: other[package] for package in shared} == {p: dev[p] for p in shared}
    assert name == "bench" or shared == other.keys()


def test_every_wanted_package_is_in_the_compiled_file() -> None:
    for wanted in FOLDER.glob("*.in"):
        compiled = blocks(wanted.with_suffix(".txt"))
        for line in wanted.read_text("utf-8").splitlines():
            if line and line[0].isalpha():
                name = re.split(r"[\[<>=;# ]", line)[0]
                assert name.lower() in {package.split("[")[0] for package in compiled}
