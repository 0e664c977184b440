"""Models of the vendor's messages are built late, and whole before anybody uses one."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ClassVar

import pytest
from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from forecourt.easycars.field_types import EasyCarsAnswer, EasyCarsRequest
from forecourt.easycars.lead_messages import CreateLeadRequest

THREADS = 8


class SlowText(str):
    """A text whose validator takes long to build; ``builders`` are the threads that did."""

    __slots__ = ()
    builders: ClassVar[list[int]] = []

    @classmethod
    def __get_pydantic_core_schema__(
        cls, _source: Any, _handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        cls.builders.append(threading.get_ident())
        time.sleep(0.03)
        return core_schema.str_schema()


@pytest.mark.parametrize("kind", [EasyCarsRequest, EasyCarsAnswer])
def test_one_thread_builds_a_model_and_all_others_wait(kind: type[Any]) -> None:
    """A second build takes the first one's validator away from under whoever uses it."""

    class Message(kind):  # type: ignore[misc]
        vehicle_make: SlowText
        vehicle_model: str | None = None

    start = threading.Barrier(THREADS)
    SlowText.builders.clear()

    def read(_: int) -> Any:
        start.wait()
        return Message.model_validate({"VehicleMake": "VOLVO", "VehicleModel": "V90"})

    with ThreadPoolExecutor(THREADS) as threads:
        read_by_all = list(threads.map(read, range(THREADS)))
    assert [(each.vehicle_make, each.vehicle_model) for each in read_by_all] == [
        ("VOLVO", "V90")
    ] * THREADS
    assert len(set(SlowText.builders)) == 1


def test_an_import_builds_none() -> None:
    class Unused(CreateLeadRequest):
        pass

    assert not Unused.__pydantic_complete__
