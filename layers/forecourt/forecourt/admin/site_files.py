"""Telling intake what a dealership's website may do: the file ``sites/{dealershipId}.json``."""

from http import HTTPStatus
from typing import Any

from forecourt.admin.ports import Documents, SiteKeys
from forecourt.errors import ForecourtError
from forecourt.leads.sites import site_path
from forecourt.logs import get_logger
from forecourt.problem import Problem

_MOST_WRITES = 5


class SiteFiles:
    """Writes site files and lets nobody believe in a change that intake was not told of.

    Parameters
    ----------
    site_keys
        What the files are made of.
    documents
        Where they lie.
    """

    def __init__(self, *, site_keys: SiteKeys, documents: Documents) -> None:
        self._site_keys = site_keys
        self._documents = documents

    def publish(self, dealership_id: int, *, cure: str) -> None:
        """Write a dealership's file until it says what the database says.

        Two changes at once may write in either order; whoever writes last has read after both.

        Parameters
        ----------
        cure
            What the caller does where the file cannot be written.

        Raises
        ------
        Problem
            503: the change is stored, the file is not written.
        """
        written: dict[str, Any] | None = None
        for _ in range(_MOST_WRITES):
            document = self._site_keys.site_document(dealership_id)
            if document == written:
                return
            self.put(dealership_id, document, what=f"The change is stored, but {cure}")
            written = document

    def put(self, dealership_id: int, document: dict[str, Any], *, what: str) -> None:
        """Write one file.

        Raises
        ------
        Problem
            503 saying ``what``.
        """
        try:
            self._documents.put(site_path(dealership_id), document)
        except ForecourtError as error:
            get_logger("admin_api").error(
                "Site file not written", dealership_id=dealership_id, code=error.code
            )
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "site-not-published",
                what,
                headers={"Retry-After": "30"},
            ) from error
