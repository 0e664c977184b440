"""AWS's published quotas and list prices for ap-southeast-2 (Sydney), as the scale model uses them.

Each names the page and the month in which that page said so; look before a decision hangs on one.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Published:
    """A quota or a list price of AWS; ``seen`` is when the named page said so."""

    value: float
    unit: str
    page: str
    seen: str


# Quotas. Those AWS raises on request are marked "soft".
LAMBDA_CONCURRENCY = Published(1_000, "at once, soft", "Lambda quotas", "2026-11")
STATE_TRANSITIONS = Published(
    800, "a second, soft", "Step Functions quotas, other Regions", "2025-06"
)
MAP_CHILDREN = Published(10_000, "at once", "Step Functions quotas, Distributed Map", "2025-06")
KMS_REQUESTS = Published(10_000, "a second, soft", "KMS quotas, ap-southeast-2", "2025-06")
CONNECTION_BYTES = Published(
    9_531_392, "bytes of memory per connection", "RDS quotas, max_connections", "2025-06"
)
MOST_CONNECTIONS = Published(5_000, "connections", "RDS quotas, max_connections", "2025-06")

# List prices in USD without tax, free tiers and discounts.
LAMBDA_SECOND = Published(0.0000133334, "GB-second, arm64", "Lambda pricing, Sydney", "2025-06")
LAMBDA_REQUEST = Published(0.20e-6, "request", "Lambda pricing, Sydney", "2025-06")
TRANSITION = Published(25e-6, "state transition", "Step Functions pricing, Sydney", "2026-11")
HTTP_REQUEST = Published(1.29e-6, "request", "API Gateway pricing, HTTP API, Sydney", "2025-06")
SQS_REQUEST = Published(0.40e-6, "request of 64 KB", "SQS pricing, Sydney", "2025-06")
SNS_PUBLISH = Published(0.50e-6, "publish", "SNS pricing, Sydney", "2025-06")
KMS_REQUEST = Published(3e-6, "request", "KMS pricing, Sydney", "2025-06")
LOG_GIGABYTE = Published(0.67, "GB taken in", "CloudWatch pricing, Sydney", "2025-06")
NAT_HOUR = Published(0.059, "hour", "VPC pricing, NAT gateway, Sydney", "2025-06")
NAT_GIGABYTE = Published(0.059, "GB", "VPC pricing, NAT gateway, Sydney", "2025-06")
STORAGE_GIGABYTE = Published(0.138, "GB-month, gp3", "RDS pricing, PostgreSQL, Sydney", "2025-06")

PUBLISHED = {name: value for name, value in globals().items() if isinstance(value, Published)}


@dataclass(frozen=True, slots=True)
class DatabaseClass:
    """A size of RDS for PostgreSQL; ``hour`` is USD for two zones (Multi-AZ), Sydney, 2025-06."""

    name: str
    memory_bytes: int
    processors: int
    hour: float

    @property
    def connections(self) -> int:
        """RDS's own default of max_connections."""
        return int(min(self.memory_bytes / CONNECTION_BYTES.value, MOST_CONNECTIONS.value))

    @property
    def rows_a_second(self) -> float:
        """Vehicles of 20 KB it stores, by what `make bench` measures on one processor."""
        return ROWS_PER_PROCESSOR * self.processors


GIBIBYTE = 1 << 30
ROWS_PER_PROCESSOR = 600.0
DATABASES = (
    DatabaseClass("db.t4g.medium", 4 * GIBIBYTE, 2, 0.20),
    DatabaseClass("db.m7g.large", 8 * GIBIBYTE, 2, 0.44),
    DatabaseClass("db.m7g.xlarge", 16 * GIBIBYTE, 4, 0.88),
    DatabaseClass("db.m7g.2xlarge", 32 * GIBIBYTE, 8, 1.76),
    DatabaseClass("db.m7g.4xlarge", 64 * GIBIBYTE, 16, 3.52),
    DatabaseClass("db.m7g.8xlarge", 128 * GIBIBYTE, 32, 7.04),
)
