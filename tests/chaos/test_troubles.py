"""What befalls a run is drawn from its seed alone, and nothing there is to draw is left out."""

import random

from forecourt.leads.steps import Step
from local.easycars_simulator.faults import KINDS
from tests.chaos.easycars_faults import draw_faults
from tests.chaos.troubles import DatabaseTrouble, Wave, draw_freeze, draw_wave

ACCOUNTS = ["EC900001", "EC900002"]
ONLY_OF_STOCK = {"malformed_item"}


def waves(seed: str, count: int) -> list[Wave]:
    chance = random.Random(seed)
    return [
        draw_wave(chance, leads=4, faults=lambda one: draw_faults(one, ACCOUNTS))
        for _ in range(count)
    ]


def test_a_seed_repeats_its_waves_and_another_has_others() -> None:
    assert waves("a", 20) == waves("a", 20)
    assert waves("a", 20) != waves("b", 20)


def test_everything_befalls_somebody() -> None:
    drawn = waves("a", 1500)
    dooms = [doom for wave in drawn for doom in wave.batches if doom is not None]
    assert {doom.step for doom in dooms} == {None, *Step}
    assert {fault.kind for wave in drawn for fault in wave.faults} >= KINDS.keys() - ONLY_OF_STOCK
    assert {wave.database for wave in drawn} == {None, *DatabaseTrouble}
    assert min(wave.clock_step for wave in drawn) < 0 < max(wave.clock_step for wave in drawn)
    assert any(wave.vendor_away for wave in drawn)
    assert any(wave.sweeper_doom for wave in drawn)
    assert all(len(wave.batches) > 1 for wave in drawn)


def test_a_freeze_is_no_death() -> None:
    assert {draw_freeze(random.Random(seed)).act for seed in range(20)} == {"freeze"}
