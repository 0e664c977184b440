"""Cannot be imported."""

from typing import Any

import a_module_that_is_not_installed  # type: ignore[import-not-found]  # noqa: F401 - the point


def handler(event: Any, context: Any) -> Any:
    return None
