"""The stock of one account as it stands now: generated once, then changed on demand."""

import threading
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from local.easycars_simulator.accounts import Account
from local.easycars_simulator.stock_generator import (
    StockItem,
    encode_item,
    generate_stock,
    generate_vehicle,
)
from local.easycars_simulator.stock_table import STOCK_FIELDS


class StockChangeError(ValueError):
    """A change names a vehicle, yard or field there is not; the message says which."""


class DealerStock:
    """Holds an account's vehicles and their JSON, ready to send.

    The vehicles are made on first use, so that a thousand accounts cost nothing until asked for.

    Parameters
    ----------
    image_base
        Asked, on that first use, for the address before ``/publicimages/…`` in ImageURLs.
    """

    def __init__(self, seed: int, account: Account, image_base: Callable[[], str]) -> None:
        self._seed = seed
        self._account = account
        self._image_base = image_base
        self._lock = threading.RLock()
        self._items: list[StockItem] | None = None
        self._encoded: list[bytes] = []
        self._made = account.vehicles

    def items(self) -> list[StockItem]:
        """Copy all items."""
        with self._lock:
            return deepcopy(self._loaded())

    def encoded(self, yard: str | None = None) -> list[bytes]:
        """Give the JSON of every item, or of one yard's."""
        with self._lock:
            items = self._loaded()
            if len(self._encoded) != len(items):
                self._encoded = [encode_item(item) for item in items]
            if yard is None:
                return list(self._encoded)
            return [
                raw
                for item, raw in zip(items, self._encoded, strict=True)
                if str(item["YardCode"]).strip() == yard
            ]

    def yard_codes(self) -> set[str]:
        """Give the codes of the yards: those of the account and those its vehicles name."""
        with self._lock:
            stand = {str(item["YardCode"]).strip() for item in self._loaded()}
            return stand | {yard.code for yard in self._account.yards}

    def number_like(self, stock_number: str) -> str | None:
        """Find a vehicle by its stock number, blanks at the ends ignored."""
        wanted = stock_number.strip()
        with self._lock:
            found = (str(item["StockNumber"]).strip() for item in self._loaded())
            return wanted if wanted and wanted in found else None

    def change(self, action: str, given: Mapping[str, Any]) -> list[str]:
        """Change the stock and answer the stock numbers concerned.

        Parameters
        ----------
        action
            ``set`` (`stockNumber`, `fields`), ``remove`` (`stockNumber`), ``add`` (`fields`,
            optional: a new generated vehicle with these fields; one of a number that is there
            already makes a duplicate) or ``rename_yard`` (`code`, and `newCode` or `newName`).

        Raises
        ------
        StockChangeError
            The change cannot be made; nothing was changed.
        """
        with self._lock:
            items = self._loaded()
            match action:
                case "set":
                    touched = [self._with_number(given)]
                    touched[0].update(_checked(given.get("fields")))
                case "remove":
                    touched = [self._with_number(given)]
                    items.remove(touched[0])
                case "add":
                    touched = [self._new_vehicle() | _checked(given.get("fields", {}))]
                    items.extend(touched)
                case "rename_yard":
                    touched = self._rename_yard(given)
                case _:
                    message = f"{action!r} is not set, remove, add or rename_yard."
                    raise StockChangeError(message)
            self._encoded = []
            return [str(item["StockNumber"]) for item in touched]

    def _loaded(self) -> list[StockItem]:
        if self._items is None:
            self._items = generate_stock(
                self._seed,
                self._account,
                self._account.vehicles,
                item_bytes=self._account.item_bytes,
                image_base=self._image_base(),
            )
        return self._items

    def _new_vehicle(self) -> StockItem:
        item = generate_vehicle(
            self._seed,
            self._account,
            self._made,
            item_bytes=self._account.item_bytes,
            image_base=self._image_base(),
        )
        self._made += 1
        return item

    def _with_number(self, given: Mapping[str, Any]) -> StockItem:
        wanted = str(given.get("stockNumber", "")).strip()
        for item in self._loaded():
            if str(item["StockNumber"]).strip() == wanted:
                return item
        message = f"{self._account.account_number} has no vehicle {wanted!r}."
        raise StockChangeError(message)

    def _rename_yard(self, given: Mapping[str, Any]) -> list[StockItem]:
        code = str(given.get("code", ""))
        names = {"YardCode": given.get("newCode"), "YardName": given.get("newName")}
        changed = {name: str(value) for name, value in names.items() if value is not None}
        touched = [item for item in self._loaded() if item["YardCode"] == code]
        if not touched or not changed:
            message = f"No vehicle stands in yard {code!r}, or no newCode or newName is given."
            raise StockChangeError(message)
        for item in touched:
            item.update(changed)
        return touched


def _checked(fields: object) -> dict[str, Any]:
    """Let any value pass, odd ones are wanted; only the names have to be the vendor's."""
    if not isinstance(fields, Mapping):
        message = "fields must be an object."
        raise StockChangeError(message)
    unknown = sorted(fields.keys() - STOCK_FIELDS.keys())
    if unknown:
        message = f"No such stock field: {', '.join(unknown)}."
        raise StockChangeError(message)
    return dict(fields)
