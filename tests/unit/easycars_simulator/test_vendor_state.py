"""What the vendor keeps: stock changes, the journal, the log of requests, its clock."""

import stat
import threading
from decimal import Decimal
from pathlib import Path

import pytest

from local.easycars_simulator import Account, default_accounts
from local.easycars_simulator.accounts import account_from_json
from local.easycars_simulator.dealer_stock import DealerStock, StockChangeError
from local.easycars_simulator.sydney_time import sydney_text
from local.easycars_simulator.vendor import Rules, Vendor
from local.simulation.clock import MovableClock
from local.simulation.deferral import Deferral
from local.simulation.journal import Journal
from local.simulation.request_log import RequestLog, RequestRecord, Verdict

DEALER = default_accounts(2, vehicles=30)[1]


def vendor(path: Path | None = None, accounts: tuple[Account, ...] = (DEALER,)) -> Vendor:
    made = Vendor(
        accounts,
        seed=1,
        clock=MovableClock(),
        image_base=lambda: "http://vendor.test",
        rules=Rules(),
        state_path=path,
    )
    made.load()
    return made


@pytest.fixture
def stock() -> DealerStock:
    return DealerStock(1, DEALER, lambda: "http://vendor.test")


def test_a_change_reaches_the_json_of_that_vehicle_only(stock: DealerStock) -> None:
    before = stock.encoded()
    assert stock.change("set", {"stockNumber": "12", "fields": {"Price": 9990}}) == ["12"]
    after = stock.encoded()
    assert [new == old for new, old in zip(after, before, strict=True)].count(False) == 1
    assert b'"Price":9990,' in after[0]


def test_a_vehicle_can_go_and_another_come(stock: DealerStock) -> None:
    stock.change("remove", {"stockNumber": "12"})
    assert stock.number_like("12") is None
    (number,) = stock.change("add", {"fields": {"Make": "TESLA"}})
    assert stock.items()[-1]["StockNumber"] == number
    assert stock.items()[-1]["Make"] == "TESLA"
    assert len(stock.encoded()) == 30
    stock.change("add", {})
    assert len(stock.encoded()) == 31
    assert len({item["StockNumber"] for item in stock.items()}) == 31


def test_a_duplicate_is_made_on_demand_only(stock: DealerStock) -> None:
    stock.change("add", {"fields": {"StockNumber": "12"}})
    assert [item["StockNumber"] for item in stock.items()].count("12") == 2


def test_a_yard_can_be_renamed(stock: DealerStock) -> None:
    in_yard = stock.encoded("100")
    stock.change("rename_yard", {"code": "100", "newCode": "900", "newName": "Moved"})
    assert (len(stock.encoded("100")), len(stock.encoded("900"))) == (0, len(in_yard))
    assert "900" in stock.yard_codes()


@pytest.mark.parametrize(
    ("action", "given"),
    [
        ("explode", {}),
        ("set", {"stockNumber": "none such", "fields": {}}),
        ("set", {"stockNumber": "12", "fields": {"Prize": 1}}),
        ("set", {"stockNumber": "12"}),
        ("remove", {}),
        ("rename_yard", {"code": "none such", "newName": "x"}),
        ("rename_yard", {"code": "100"}),
    ],
)
def test_a_change_that_cannot_be_made_is_refused(
    stock: DealerStock, action: str, given: dict[str, object]
) -> None:
    before = stock.items()
    with pytest.raises(StockChangeError):
        stock.change(action, given)
    assert stock.items() == before


def test_stock_numbers_are_compared_without_blanks_at_the_ends(stock: DealerStock) -> None:
    assert stock.number_like(" 12 ") == "12"
    assert stock.number_like("  ") is None


def test_a_new_start_on_the_same_file_knows_everything(tmp_path: Path) -> None:
    path = tmp_path / "state" / "vendor.jsonl"
    first = vendor(path)
    added = default_accounts(3, vehicles=5)[2]
    first.add_account(added)
    first.add_foreign_lead(DEALER.account_number)
    first.change_stock(DEALER.account_number, "set", {"stockNumber": "12", "fields": {"Price": 5}})

    second = vendor(path)

    dealer = second.dealer(DEALER.account_number)
    assert dealer
    assert [account.account_number for account in second.accounts()][-1] == added.account_number
    assert [lead.number for lead in dealer.book.leads()] == ["000001"]
    assert dealer.stock.items()[0]["Price"] == 5
    assert second.add_foreign_lead(DEALER.account_number).number == "000002"
    first.close()
    second.close()


def test_an_account_given_again_is_one_account(tmp_path: Path) -> None:
    path = tmp_path / "vendor.jsonl"
    first = vendor(path)
    added = default_accounts(3)[2]
    first.add_account(added)
    first.add_account(added)
    first.close()
    assert first.accounts() == [DEALER, added]
    assert path.read_bytes().count(b"\n") == 1
    assert vendor(path, accounts=(DEALER, added)).accounts() == [DEALER, added]


def test_a_line_torn_by_a_kill_is_dropped_and_the_next_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "vendor.jsonl"
    path.write_bytes(b'{"a": 1}\n{"b": ')
    journal = Journal(path)
    assert journal.replay() == [{"a": 1}]
    journal.append({"price": Decimal("1.5000")})
    journal.close()
    assert path.read_bytes() == b'{"a": 1}\n{"price":1.5000}\n'


def test_the_journal_is_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "vendor.jsonl"
    journal = Journal(path)
    journal.append({})
    journal.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_reset_empties_the_journal_too(tmp_path: Path) -> None:
    path = tmp_path / "vendor.jsonl"
    first = vendor(path)
    first.add_foreign_lead(DEALER.account_number)
    first.reset()
    first.close()
    dealer = vendor(path).dealer(DEALER.account_number)
    assert dealer
    assert dealer.book.leads() == []


def test_one_client_may_serve_two_accounts_and_one_account_two_clients() -> None:
    shared = default_accounts(3)[2]
    second_account = account_from_json(
        shared.as_json() | {"clientId": DEALER.client_id, "clientSecret": DEALER.client_secret}
    )
    made = vendor(accounts=(DEALER, shared, second_account))
    assert made.accounts_of(DEALER.client_id) == [DEALER.account_number, shared.account_number]
    dealer = made.dealer(shared.account_number)
    assert dealer
    assert dealer.clients == {shared.client_id, DEALER.client_id}


@pytest.mark.parametrize("part", ["clientSecret", "accountSecret"])
def test_a_contradicting_secret_is_refused(part: str) -> None:
    made = vendor()
    with pytest.raises(ValueError, match="another secret"):
        made.add_account(account_from_json(DEALER.as_json() | {part: "other"}))
    assert made.accounts() == [DEALER]


@pytest.mark.parametrize(
    "wrong",
    [
        {"clientId": ""},
        {"accountNumber": None},
        {"vehicles": -1},
        {"vehicles": True},
        {"itemBytes": "big"},
        {"yards": []},
        {"yards": ["100"]},
        {"yards": [{"code": "100"}]},
    ],
)
def test_an_account_that_cannot_be_read_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"must"):
        account_from_json(DEALER.as_json() | wrong)


def test_an_account_survives_json() -> None:
    assert account_from_json(DEALER.as_json()) == DEALER


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (1_732_750_932, "28/11/2024 10:42:12"),
        (1_720_000_000, "03/07/2024 19:46:40"),
        (1_712_417_400, "07/04/2024 02:30:00"),
        (1_712_421_000, "07/04/2024 02:30:00"),
    ],
)
def test_times_are_written_in_sydney_with_daylight_saving(moment: float, text: str) -> None:
    assert sydney_text(moment) == text


def test_the_clock_moves_and_goes_back() -> None:
    clock = MovableClock(lambda: 100.0)
    clock.advance(50)
    assert clock.now() == 150
    clock.reset()
    assert clock.now() == 100


def test_deferred_acts_wait_for_the_clock_and_keep_their_order() -> None:
    clock = MovableClock(lambda: 0.0)
    deferral = Deferral(clock)
    done: list[str] = []
    finished = threading.Event()
    deferral.after(60, finished.set)
    deferral.after(20, lambda: done.append("second"))
    deferral.after(10, lambda: done.append("first"))
    assert not finished.wait(0.1)
    assert done == []
    clock.advance(61)
    assert finished.wait(5)
    assert done == ["first", "second"]
    deferral.after(10, finished.clear)
    deferral.stop()
    assert deferral.waiting() == 0
    again = threading.Event()
    deferral.after(0, again.set)
    assert again.wait(5)
    deferral.stop()


def record(number: int, verdict: Verdict = Verdict.VALID) -> RequestRecord:
    return RequestRecord(
        number=number,
        at=0.0,
        service="LeadService",
        operation="CreateLead",
        account=None,
        verdict=verdict,
    )


def test_the_log_counts_and_keeps_invalid_requests_apart() -> None:
    log = RequestLog()
    log.add(record(log.next_number()))
    log.add(record(log.next_number(), Verdict.INVALID))
    assert log.counts() == {"CreateLead": 2}
    assert [each.number for each in log.invalid()] == [2]
    log.clear()
    log.complete(record(1))
    assert (log.records(), log.invalid(), log.counts()) == ([], [], {})


def test_the_log_forgets_the_oldest_but_neither_counts_nor_invalid_requests() -> None:
    log = RequestLog(kept=2)
    for verdict in (Verdict.INVALID, Verdict.VALID, Verdict.VALID, Verdict.VALID):
        log.add(record(log.next_number(), verdict))
    assert [each.number for each in log.records()] == [1, 3, 4]
    assert [each.number for each in log.invalid()] == [1]
    assert log.counts() == {"CreateLead": 4}


def test_the_log_knows_how_many_were_under_way_at_once() -> None:
    log = RequestLog()
    log.arrived()
    log.arrived()
    log.left()
    log.arrived()
    assert log.peak_concurrency() == 2
    log.left()
    log.clear()
    assert log.peak_concurrency() == 1
