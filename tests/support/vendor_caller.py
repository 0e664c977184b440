"""Calls the EasyCars simulator with plain HTTP, as any client might, Forecourt's apart."""

import ssl
from types import TracebackType
from typing import Any, Self

import httpx

from local.easycars_simulator import Account, EasyCarsSimulator

STOCK, LEAD = "StockService", "LeadService"
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Loading the real ones for every client takes longer than a test; all here is plain HTTP."""

SMALL_LEAD: dict[str, Any] = {
    "VehicleMake": "Toyota",
    "VehicleModel": "Corolla",
    "VehicleType": 1,
    "VehicleYear": 2018,
    "IsVehicleNew": False,
    "VehicleInterest": 1,
    "LeadCustomer": {"Name": "Ann Lee", "Email": "ann@example.com"},
}
"""A CreateLead with what is required and nothing else."""

SMALL_QUOTATION: dict[str, Any] = {
    "YardCode": "100",
    "VehicleMake": "Toyota",
    "VehicleModel": "Corolla",
    "VehicleType": 1,
    "IsVehicleNew": True,
    "VehicleYear": 2025,
    "QuoteDate": "28/11/2024",
    "BasePrice": 25000,
    "SellingPrice": 27500.5,
    "RegoState": "NSW",
    "QuotationCustomer1": {"Name": "Ann Lee", "Email": "ann@example.com"},
}
"""A CreateQuotation with what is required and nothing else."""


class VendorCaller:
    """One client of one dealer account, with a token per service."""

    def __init__(self, simulator: EasyCarsSimulator, account: Account | None = None) -> None:
        self.url = simulator.url
        self.account = account or simulator.accounts()[0]
        self.http = httpx.Client(timeout=10, verify=NO_CERTIFICATES)
        self._tokens: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.http.close()

    def request_token(self, service: str = LEAD, **query: str) -> httpx.Response:
        pair = {"ClientID": self.account.client_id, "ClientSecret": self.account.client_secret}
        return self.http.post(f"{self.url}/{service}/RequestToken", params=pair | query)

    def token(self, service: str) -> str:
        if service not in self._tokens:
            self._tokens[service] = self.request_token(service).json()["Token"]
        return self._tokens[service]

    def forget_tokens(self) -> None:
        self._tokens.clear()

    def post(self, operation: str, service: str = LEAD, **body: Any) -> httpx.Response:
        pair = {
            "AccountNumber": self.account.account_number,
            "AccountSecret": self.account.account_secret,
        }
        headers = {"Authorization": f"Bearer {self.token(service)}"}
        url = f"{self.url}/{service}/{operation}"
        return self.http.post(url, json=pair | body, headers=headers)

    def call(self, operation: str, service: str = LEAD, **body: Any) -> dict[str, Any]:
        answer: dict[str, Any] = self.post(operation, service, **body).json()
        return answer

    def create_lead(self, **changes: Any) -> dict[str, Any]:
        return self.call("CreateLead", **(SMALL_LEAD | changes))

    def stock(self, **body: Any) -> dict[str, Any]:
        return self.call("GetAdvertisementStocks", STOCK, **body)
