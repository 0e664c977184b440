"""The peer: parse everything, then SELECT and write vehicle by vehicle through SQLAlchemy's ORM.

It maps with Forecourt's own rules, so only the way of storing differs, and it is a decent loop:
one session, one commit, and the ORM's own change detection decides what is sent.
"""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, ForeignKey, Numeric, Text, create_engine, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import DateTime

from benchmarks.contenders.turns import read_body, serve
from forecourt.easycars.envelope import read_stock_envelope
from forecourt.easycars.stock_mapping import decode_stock_item, map_stock_item
from forecourt.storage.vehicles import PLAIN_COLUMNS


class Base(DeclarativeBase):
    """Root of the peer's tables."""


class Dealership(Base):
    """Only what the foreign key needs."""

    __tablename__ = "dealership"

    id: Mapped[int] = mapped_column(primary_key=True)


class Vehicle(Base):
    """The same table the sync writes, as an ORM user would declare it."""

    __tablename__ = "vehicle"

    id: Mapped[int] = mapped_column(primary_key=True)
    dealership_id: Mapped[int] = mapped_column(ForeignKey("dealership.id"))
    make: Mapped[str]
    model: Mapped[str]
    year: Mapped[int]
    price: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    mileage: Mapped[int]
    condition: Mapped[str]
    status: Mapped[str]
    title: Mapped[str]
    description: Mapped[str | None] = mapped_column(Text)
    easycars_stock_number: Mapped[str | None]
    easycars_yard_code: Mapped[str | None]
    easycars_vin: Mapped[str | None]
    easycars_raw_data: Mapped[dict[str, Any] | None] = mapped_column(JSONB)
    data_source: Mapped[str]
    last_synced_from_easycars: Mapped[datetime | None] = mapped_column(DateTime(timezone=True))
    exterior_color: Mapped[str | None]
    interior_color: Mapped[str | None]
    body: Mapped[str | None]
    fuel_type: Mapped[str | None]
    gear_type: Mapped[str | None]
    engine_capacity: Mapped[str | None]
    door_count: Mapped[int | None]
    images_wanted: Mapped[str | None]
    features: Mapped[list[str] | None] = mapped_column(JSONB)


def connect(url: str) -> Engine:
    """Open an engine as SQLAlchemy's users do."""
    return create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1))


def wanted_rows(body: bytearray) -> Iterator[dict[str, Any]]:
    """Parse and map every item of a feed; one row for each, by column."""
    envelope = read_stock_envelope(body)
    assert envelope is not None
    for raw in envelope.fields["StockList"]:
        mapped = map_stock_item(decode_stock_item(raw))
        yield {
            **{name: getattr(mapped, name) for name in PLAIN_COLUMNS},
            "easycars_stock_number": mapped.easycars_stock_number,
            "features": list(mapped.features),
            "easycars_raw_data": json.loads(mapped.easycars_raw_data),
        }


class OrmLoop:
    """A contender: SELECT, set, and let the session find out what is to be sent."""

    def __init__(self, engine: Engine, dealership_id: int) -> None:
        self._engine = engine
        self._dealership_id = dealership_id
        self._body = bytearray()

    def receive(self, feed: Path) -> None:
        """Hold the body as the client holds it."""
        self._body = read_body(feed)

    def sync(self) -> None:
        """Make the dealership's vehicles equal the feed."""
        now = datetime.now(UTC)
        with Session(self._engine) as session:
            for wanted in wanted_rows(self._body):
                vehicle = session.scalars(
                    select(Vehicle).where(
                        Vehicle.dealership_id == self._dealership_id,
                        Vehicle.easycars_stock_number == wanted["easycars_stock_number"],
                    )
                ).one_or_none()
                if vehicle is None:
                    vehicle = Vehicle(dealership_id=self._dealership_id, data_source="EasyCars")
                    session.add(vehicle)
                for name, value in wanted.items():
                    setattr(vehicle, name, value)
                if session.is_modified(vehicle):
                    vehicle.last_synced_from_easycars = now
            session.commit()


if __name__ == "__main__":
    serve(OrmLoop(connect(sys.argv[1]), int(sys.argv[2])))
