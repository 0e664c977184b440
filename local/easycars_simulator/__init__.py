"""EasyCars on this machine: both services, strict, with believable stock and faults on demand.

Written from the vendor's *Stock API* v1.01 and *Lead API* v1.05 alone, without a look at
Forecourt's client, so that each can find the other's mistakes. ``python -m
local.easycars_simulator --port 4100`` serves it; tests start :class:`EasyCarsSimulator`.

Where the documents are silent, this is what it does:

- every answer of an operation is HTTP 200 with an envelope; only a wrong method (405), address
  (404) or media type (415) is refused by HTTP;
- a token is good for the service that issued it; wrong account credentials are Code 1, everything
  else that is refused is Code 7 with an ``ErrorMessage`` that names the fields (:class:`Rules`
  changes these);
- an optional field may be null, but not in UpdateLead, where a key that is there means a change;
- lengths count UTF-16 units, as .NET does;
- a customer is found by ``CustomerNo``, else by e-mail address (case ignored, kept as first
  written), else made; texts that are sent replace what was known;
- an unknown lead number and one of another lead source are both Code 7, without a difference.
"""

from local.easycars_simulator.accounts import Account, Yard, default_accounts
from local.easycars_simulator.faults import Fault
from local.easycars_simulator.simulator import EasyCarsSimulator
from local.easycars_simulator.stock_generator import encode_feed, encode_item, generate_stock
from local.easycars_simulator.vendor import Rules
from local.simulation.request_log import RequestRecord, Verdict

__all__ = [
    "Account",
    "EasyCarsSimulator",
    "Fault",
    "RequestRecord",
    "Rules",
    "Verdict",
    "Yard",
    "default_accounts",
    "encode_feed",
    "encode_item",
    "generate_stock",
]
