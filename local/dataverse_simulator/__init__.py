"""Dataverse and Entra's token endpoint on this machine: strict, with faults on demand.

Written from the Dataverse reference alone, without a look at Forecourt's client, so that each can
find the other's mistakes. ``python -m local.dataverse_simulator --port 4200`` serves it; tests
start :class:`DataverseSimulator`.

Like the EasyCars simulator it begins with accounts of its own (:func:`default_accounts`: two
environments, the first with the tenant's columns and an active key, the second with Microsoft's
columns only) and takes no other credentials until they are registered. One address serves every
environment: the token's audience says which, so the environment URLs need not exist.

The control API, ``{url}/_control/…``, JSON both ways; ``environment`` is an environment's URL and
may be left out for the first one (for all, where things are listed):

- ``accounts``: GET lists them, secrets included; POST adds or changes one: ``environmentUrl``,
  ``tenantId``, ``clientId``, ``clientSecret``, ``name``, ``certificate`` (PEM), ``columns``
  (``stock``, ``hunter``, ``all``), ``applicationUser``, ``privileges``, ``access`` (``own``).
- ``secrets``: POST ``clientId``, ``secret``, ``state`` (``valid``, ``expired``, ``removed``).
- ``table``: GET shows columns and keys; POST ``action``: ``use`` (``columns``), ``add``
  (``column``), ``change`` (``name``, ``changes`` like ``{"maxLength": 20}``), ``remove``
  (``name``), ``add_key`` (``name``, ``columns``, ``status``), ``set_key`` (``name``, ``status``;
  null builds it anew), ``remove_key`` (``name``), ``pace`` (``seconds`` and ``polls`` an index
  stays Pending and InProgress each).
- ``leads``: GET lists them with how often each was written; POST ``values`` creates one as staff.
- ``lead-edits``: POST ``leadId``, ``values``; ``lead-deletions``: POST ``leadId``.
- ``rules``: ``tokenLife``, ``executionSeconds`` (charged without being waited for), ``dopHint``,
  ``duplicateColumns``, ``duplicateStatus``.
- ``limits``: ``requests``, ``executionSeconds``, ``concurrent``, ``window``, ``servers``,
  ``pushPenalty``; GET tells what is used of them.
- ``revoke-tokens``: POST, of a ``clientId`` or all.
- ``faults``: GET, POST (``fault`` and the options of :class:`Fault`), DELETE.
- ``requests``: GET tells ``requests``, ``invalid`` (what breaks the documents), ``counts``,
  ``peakConcurrency``; DELETE forgets them.
- ``clock``: POST ``advance`` or ``letPass`` seconds; ``latency``: POST ``seconds``; ``reset``.

Where the reference is silent, this is what it does:

- a 401 has no body, a gateway's fault is an HTML page, all else is Dataverse's JSON error;
- without the OData headers, or ``If-None-Match: null`` on a read, a request is answered and
  listed among the invalid ones; with a wrong version or media type it is refused;
- a column a caller may not set is passed over, and the request listed as invalid; so is a key
  column that stands in the body as well;
- an empty text is stored as null; a moment loses its fractions of a second;
- a write to a closed lead is 400 ``0x80040203``, a key that is not active 400 ``0x80060888``, an
  unknown column in a body 400 ``0x80048d19`` and in a query 400 ``0x80060888``, a choice out of
  range 400 ``0x8004431a``, a number out of range 400 ``0x8004432f`` or ``0x80044330``, a client
  without an application user 403 ``0x80072560``;
- two upserts that both find no lead of a key race: the later one is 412 ``0x80060892``;
- a request refused with 429 does not count; coming back before ``Retry-After`` is over makes it
  grow, and closes the window until the new one is over.

Batches and bulk messages are not simulated (501), nor is the daily entitlement.
"""

from local.dataverse_simulator.accounts import Account, default_accounts
from local.dataverse_simulator.faults import Fault
from local.dataverse_simulator.limits import Limits
from local.dataverse_simulator.organizations import Rules
from local.dataverse_simulator.simulator import DataverseSimulator
from local.simulation.request_log import RequestRecord, Verdict

__all__ = [
    "Account",
    "DataverseSimulator",
    "Fault",
    "Limits",
    "RequestRecord",
    "Rules",
    "Verdict",
    "default_accounts",
]
