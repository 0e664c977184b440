"""Brings the database up to date, as a deployment does: by invoking the migrate function."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from local.failures import StackError

if TYPE_CHECKING:
    from local.functions import Functions

MIGRATE_FUNCTION = "MigrateFunction"


def migrate(functions: Functions) -> None:
    """Run the migrations that the database has not seen.

    Raises
    ------
    StackError
        When they fail, with the function's own words.
    """
    for spec in functions.specs:
        if spec.logical_id == MIGRATE_FUNCTION:
            answer = functions.invoke(spec.name, "{}")
            if answer.error is not None:
                reason = json.loads(answer.payload).get("errorMessage", answer.payload)
                message = f"The database could not be brought up to date: {reason}."
                raise StackError(message, cure=f"See {MIGRATE_FUNCTION}.log in the data folder.")
