"""What the stack stands on besides AWS: a PostgreSQL and the vendors, ours or given ones."""

from __future__ import annotations

import json
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import parse_qs, quote, unquote, urlsplit

from local.dataverse_simulator import DataverseSimulator
from local.easycars_simulator import EasyCarsSimulator
from local.failures import StackError
from local.guardian import guarded
from local.postgres import EmbeddedPostgres, PostgresUnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from local.data_folder import DataFolder
    from local.simulation.faults import PlannedFault
    from local.simulation.service import SimulatedVendor

_DEFAULT_PORT = 5432
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the database is and who may enter.

    Attributes
    ----------
    host, port, name, username, password, sslmode
        As libpq understands them.
    """

    host: str
    port: int
    name: str
    username: str
    password: str
    sslmode: str

    @classmethod
    def from_url(cls, url: str) -> Self:
        """Read a ``postgresql://user:password@host:port/name?sslmode=…`` URL.

        Raises
        ------
        StackError
            When it is no such URL.
        """
        parts = urlsplit(url)
        try:
            port = parts.port or _DEFAULT_PORT
        except ValueError:
            port = 0
        name = parts.path.lstrip("/")
        is_whole = parts.scheme in {"postgres", "postgresql"} and parts.hostname and name and port
        if not is_whole or not parts.username:
            message = "The database URL cannot be read."
            cure = "Write it as postgresql://user:password@host:5432/name."
            raise StackError(message, cure=cure, exit_code=2)
        return cls(
            host=str(parts.hostname),
            port=port,
            name=unquote(name),
            username=unquote(parts.username),
            password=unquote(parts.password or ""),
            sslmode=parse_qs(parts.query).get("sslmode", [_sslmode(str(parts.hostname))])[0],
        )

    @property
    def url(self) -> str:
        """The address as one URL, with the password."""
        who = f"{quote(self.username, safe='')}:{quote(self.password, safe='')}"
        where = f"{self.host}:{self.port}/{quote(self.name, safe='')}"
        return f"postgresql://{who}@{where}?sslmode={self.sslmode}"

    def secret_string(self) -> str:
        """Return what Secrets Manager holds for the functions."""
        return json.dumps({"username": self.username, "password": self.password})


@dataclass(frozen=True)
class Backing:
    """What is in use.

    Attributes
    ----------
    database
        The database.
    easycars_url
        The base URL of EasyCars, without the service.
    dynamics_url
        The base URL of Dynamics 365 and of the token authority.
    """

    database: DatabaseAddress
    easycars_url: str
    dynamics_url: str


def web_address(url: str, *, option: str) -> str:
    """Return an address without its last slash.

    Parameters
    ----------
    option
        The option it was given with.

    Raises
    ------
    StackError
        When it is no web address; the functions would refuse it only at the first lead.
    """
    try:
        parts = urlsplit(url)
        is_one = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_one = False
    if not is_one or any(letter.isspace() for letter in url):
        message = f"{option} is no web address."
        cure = "Write it as http://host:port or https://host, with a path if there is one."
        raise StackError(message, cure=cure, exit_code=2)
    return url.rstrip("/")


@contextmanager
def start_backing(
    data: DataFolder,
    *,
    database_url: str | None,
    easycars_url: str | None,
    dynamics_url: str | None,
) -> Iterator[Backing]:
    """Start what is not given, and stop it at the end.

    Parameters
    ----------
    data
        The data folder that keeps the embedded database.
    database_url, easycars_url, dynamics_url
        What to use instead of the embedded database and of the simulators.

    Raises
    ------
    StackError
        When the embedded PostgreSQL cannot run here, or an address is none.
    """
    if easycars_url is not None:
        easycars_url = web_address(easycars_url, option="--easycars-url")
    if dynamics_url is not None:
        dynamics_url = web_address(dynamics_url, option="--dynamics-url")
    with ExitStack() as started:
        if database_url is None:
            database = started.enter_context(_embedded_database(data))
        else:
            database = DatabaseAddress.from_url(database_url)
        if easycars_url is None:
            easycars_url = started.enter_context(_simulated_easycars(data))
        if dynamics_url is None:
            dynamics_url = started.enter_context(_simulated_dynamics(data))
        yield Backing(database, easycars_url, dynamics_url)


@contextmanager
def _embedded_database(data: DataFolder) -> Iterator[DatabaseAddress]:
    folder = data.root / "postgres"
    try:
        server = EmbeddedPostgres(folder).start()
    except PostgresUnavailableError as error:
        raise StackError(str(error)) from error
    try:
        with guarded(folder / "cluster" / "postmaster.pid"):
            yield DatabaseAddress.from_url(server.url)
    finally:
        server.stop()


def _sslmode(host: str) -> str:
    return "disable" if host in _THIS_MACHINE else "require"


@contextmanager
def _simulated_easycars(data: DataFolder) -> Iterator[str]:
    # The port stands in the pictures' addresses: on another one every vehicle would have changed.
    journal = data.root / "easycars-simulator.journal"
    kept_port = data.root / "easycars-simulator.port"
    yield from _served(lambda port: EasyCarsSimulator(port, state_path=journal), kept_port)


@contextmanager
def _simulated_dynamics(data: DataFolder) -> Iterator[str]:
    journal = data.root / "dataverse-simulator.journal"
    kept_port = data.root / "dataverse-simulator.port"
    yield from _served(lambda port: DataverseSimulator(port, state_path=journal), kept_port)


def _served[Fault: PlannedFault](
    make: Callable[[int], SimulatedVendor[Fault]], kept_port: Path
) -> Iterator[str]:
    """Serve a simulator on the port it had, or on a free one when that is taken."""
    simulator = make(int(kept_port.read_text()) if kept_port.exists() else 0)
    try:
        simulator.start()
    except OSError:
        simulator = make(0).start()
    try:
        kept_port.write_text(str(urlsplit(simulator.url).port))
        yield simulator.url
    finally:
        simulator.stop()
