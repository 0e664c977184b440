"""What a number of dealerships asks of AWS, of the database and of EasyCars, and what it costs."""

import math
from dataclasses import dataclass

from benchmarks.aws_published import (
    DATABASES,
    HTTP_REQUEST,
    KMS_REQUEST,
    LAMBDA_REQUEST,
    LAMBDA_SECOND,
    LOG_GIGABYTE,
    NAT_GIGABYTE,
    NAT_HOUR,
    SNS_PUBLISH,
    SQS_REQUEST,
    STORAGE_GIGABYTE,
    TRANSITION,
    DatabaseClass,
)

STOCK_WINDOW = 3 * 3600.0
"""Seconds: a night that begins at 02:00 is over before a dealership opens."""
LEAD_WINDOW = 3600.0
"""Seconds: the next refresh of leads begins."""

# The template's own limits.
STOCK_RESERVED = 40
OTHER_CONNECTIONS = 20 + 5 + 5 + 3
"""lead_delivery, image_sync, admin_api, and the sweeper, planner and summary."""
OTHER_SANDBOXES = 50 + OTHER_CONNECTIONS
"""lead_intake besides those."""
EXECUTION_SECONDS = 28_800.0
TRANSITIONS_PER_DEALERSHIP = 4
"""Start, choice, task and end of the child execution."""
REFRESH_CALLS_A_SECOND = 5.0
ASSUMED_VENDOR_CALLS = 100.0
"""What EasyCars bears a second, of which it publishes nothing: to be agreed with it."""
USABLE_SHARE = 0.8
"""Of the database's connections; the rest is for people, migrations and a failover."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """A dealership's day; seconds and bytes.

    Parameters
    ----------
    vendor_seconds
        What EasyCars takes for an answer, besides sending a feed at `vendor_bytes_a_second`.
    own_seconds
        What a stock run takes besides: `make bench`, 50 vehicles, database 1.2 ms away.
    """

    vehicles: int = 50
    item_bytes: int = 20_000
    changed: float = 0.05
    vendor_seconds: float = 0.3
    vendor_bytes_a_second: float = 5_000_000
    own_seconds: float = 0.1
    leads_a_day: float = 3
    days_open: float = 30
    leads_a_refresh: int = 200
    log_bytes_of_a_run: int = 3_000

    @property
    def feed_bytes(self) -> int:
        """One answer of GetAdvertisementStocks."""
        return self.vehicles * self.item_bytes

    @property
    def stock_seconds(self) -> float:
        """One dealership's stock run: token, feed, comparison, what changed."""
        transfer = self.feed_bytes / self.vendor_bytes_a_second
        return 2 * self.vendor_seconds + transfer + self.own_seconds

    @property
    def refresh_seconds(self) -> float:
        """One dealership's refresh: a token, then its open leads at the rate the template sets."""
        each = max(self.vendor_seconds, 1 / REFRESH_CALLS_A_SECOND)
        leads = min(self.leads_a_day * self.days_open, self.leads_a_refresh)
        return self.vendor_seconds + leads * each + self.own_seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """So many dealerships, run with the least concurrency that ends both kinds of run in time."""

    dealerships: int
    workload: Workload

    @property
    def concurrency(self) -> int:
        """Dealerships at once, for stock and for leads alike: it is one setting."""
        stock = self.dealerships * self.workload.stock_seconds / STOCK_WINDOW
        leads = self.dealerships * self.workload.refresh_seconds / LEAD_WINDOW
        return max(1, math.ceil(max(stock, leads)))

    @property
    def stock_duration(self) -> float:
        """Seconds from the first dealership to the last."""
        waves = math.ceil(self.dealerships / self.concurrency)
        return waves * self.workload.stock_seconds

    @property
    def connections(self) -> int:
        """Database connections at the worst moment: one per sandbox, both kinds of run at once."""
        return 2 * self.concurrency + OTHER_CONNECTIONS

    @property
    def rows_a_second(self) -> float:
        """Vehicles written while the stock run lasts."""
        per_run = self.workload.vehicles * self.workload.changed
        return min(self.concurrency, self.dealerships) * per_run / self.workload.stock_seconds

    @property
    def vendor_calls_a_second(self) -> float:
        """What EasyCars is asked while leads are refreshed."""
        each = max(self.workload.vendor_seconds, 1 / REFRESH_CALLS_A_SECOND)
        return min(self.concurrency, self.dealerships) / each

    @property
    def transitions_a_second(self) -> float:
        """Step Functions' work while the stock run lasts."""
        at_once = min(self.concurrency, self.dealerships)
        return at_once * TRANSITIONS_PER_DEALERSHIP / self.workload.stock_seconds

    @property
    def database(self) -> DatabaseClass:
        """The smallest database that has the connections and the writes; else the largest."""
        for database in DATABASES:
            if (
                self.connections <= USABLE_SHARE * database.connections
                and self.rows_a_second <= database.rows_a_second
            ):
                return database
        return DATABASES[-1]

    @property
    def cost_of_a_night(self) -> float:
        """USD for one stock run, without what stands there all day."""
        load = self.workload
        each = (
            load.stock_seconds * LAMBDA_SECOND.value  # 1,024 MB
            + LAMBDA_REQUEST.value
            + TRANSITIONS_PER_DEALERSHIP * TRANSITION.value
            + KMS_REQUEST.value
            + load.feed_bytes / 1e9 * NAT_GIGABYTE.value
            + load.log_bytes_of_a_run / 1e9 * LOG_GIGABYTE.value
        )
        return self.dealerships * each

    @property
    def cost_of_refreshes(self) -> float:
        """USD for a day's 24 refreshes of leads."""
        each = (
            self.workload.refresh_seconds * 0.5 * LAMBDA_SECOND.value  # 512 MB
            + LAMBDA_REQUEST.value
            + TRANSITIONS_PER_DEALERSHIP * TRANSITION.value
            + self.workload.log_bytes_of_a_run / 1e9 * LOG_GIGABYTE.value
        )
        return 24 * self.dealerships * each

    @property
    def cost_of_a_lead(self) -> float:
        """USD for taking a lead in and delivering it, and its share of the refreshes."""
        intake = HTTP_REQUEST.value + LAMBDA_REQUEST.value + 0.5 * 0.05 * LAMBDA_SECOND.value
        queue = 3 * SQS_REQUEST.value + SNS_PUBLISH.value
        seconds = 2 * self.workload.vendor_seconds + self.workload.own_seconds
        delivery = 0.5 * seconds * LAMBDA_SECOND.value + LAMBDA_REQUEST.value + KMS_REQUEST.value
        logs = 2 * self.workload.log_bytes_of_a_run / 1e9 * LOG_GIGABYTE.value
        refreshed = self.cost_of_refreshes / (self.dealerships * self.workload.leads_a_day)
        return intake + queue + delivery + logs + refreshed

    @property
    def cost_of_standing(self) -> float:
        """USD a day for the database, its storage and two NAT gateways."""
        stored = 2 * self.dealerships * self.workload.feed_bytes / 1e9
        return 24 * (self.database.hour + 2 * NAT_HOUR.value) + stored * STORAGE_GIGABYTE.value / 30
