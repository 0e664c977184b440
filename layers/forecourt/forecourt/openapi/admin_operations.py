"""The document's part for signed-in people: everything under ``/api/admin/``."""

from http import HTTPStatus

from forecourt.admin.dead_letters import Redrive
from forecourt.admin.dealerships import NewDealership
from forecourt.admin.deliveries import Resolution
from forecourt.admin.lead_changes import LeadPatch
from forecourt.admin.settings import DealershipSettings, SystemSettings
from forecourt.admin.site_keys import ChangedSiteKey, NewSiteKey, Origins
from forecourt.admin.vehicles import VehicleChange
from forecourt.openapi import admin_records as records
from forecourt.openapi.admin_routes import FLAG, PAGE, WHOSE, choice, describe, limit
from forecourt.openapi.dynamics_operations import DYNAMICS_OPERATIONS
from forecourt.openapi.easycars_operations import EASYCARS_OPERATIONS
from forecourt.openapi.operations import Parameter
from forecourt.openapi.shapes import list_of, page_of, record

_DEALERSHIP = "/api/admin/dealerships/{dealershipId}"
_STATES = ("pending", "in_progress", "unconfirmed", "delivered", "failed")

ADMIN_OPERATIONS = (
    describe(
        "GET",
        "/api/admin/leads",
        "List leads, newest first",
        page_of("leads", records.LEAD_IN_LIST),
        WHOSE,
        *PAGE,
        choice("status", "received", "in progress", "won", "lost", "deleted"),
        choice("spam", *FLAG),
    ),
    describe(
        "GET",
        "/api/admin/leads/{leadId}",
        "Show a lead with its deliveries and every try",
        records.LEAD,
        WHOSE,
    ),
    describe(
        "PATCH",
        "/api/admin/leads/{leadId}",
        "Change a lead's status or correct it; EasyCars is told what changed",
        records.CHANGED_LEAD,
        WHOSE,
        Parameter(
            name="If-Match",
            place="header",
            schema={"type": "string"},
            description="The version you have seen, instead of the member version.",
        ),
        body=(LeadPatch,),
        conflict="version-conflict, lead-deleted, lead-erased: look at the lead again.",
    ),
    describe(
        "GET",
        "/api/admin/deliveries",
        "List deliveries, last changed first",
        record("", deliveries=list_of(records.DELIVERY)),
        WHOSE,
        choice("state", *_STATES),
        limit(usual=50, most=100),
    ),
    describe(
        "GET",
        "/api/admin/deliveries/{deliveryId}",
        "Show a delivery with every try",
        records.DELIVERY_WITH_ATTEMPTS,
        WHOSE,
    ),
    describe(
        "POST",
        "/api/admin/deliveries/{deliveryId}/retry",
        "Try a failed delivery again now",
        records.DELIVERY,
        WHOSE,
        status=HTTPStatus.ACCEPTED,
        conflict="It is not failed, or a retry could double the lead; the detail says what to do.",
    ),
    describe(
        "POST",
        "/api/admin/deliveries/{deliveryId}/resend",
        "Create a lead again of which nobody knows whether EasyCars has it",
        records.DELIVERY,
        WHOSE,
        status=HTTPStatus.ACCEPTED,
        conflict="There is no doubt about the delivery; the detail says what to do.",
    ),
    describe(
        "POST",
        "/api/admin/deliveries/{deliveryId}/resolve",
        "Say which number a lead of unknown outcome has at EasyCars",
        records.DELIVERY,
        WHOSE,
        body=(Resolution,),
        conflict="The number is another lead's, or the delivery is not in doubt.",
    ),
    describe(
        "GET",
        "/api/admin/dead-letters",
        "List dead letters, newest first, without what they say",
        record("hidden:int", messages=list_of(records.DEAD_LETTER)),
        limit(usual=100, most=1000),
        choice("archived", *FLAG),
    ),
    describe(
        "GET",
        "/api/admin/dead-letters/{messageId}",
        "Show one dead letter with its body; the audit log notes who looks",
        records.WHOLE_DEAD_LETTER,
        choice("archived", *FLAG),
    ),
    describe(
        "POST",
        "/api/admin/dead-letters/redrive",
        "Put dead letters back on the leads queue; a dry run unless dryRun is false",
        record(
            "dryRun:bool",
            messages=list_of(records.DEAD_LETTER),
            failed=list_of(record("messageId:text detail:text")),
        ),
        body=(Redrive,),
        names_others=True,
    ),
    describe(
        "GET",
        "/api/admin/vehicles",
        "List vehicles by id",
        page_of("vehicles", records.VEHICLE),
        WHOSE,
        *PAGE,
        choice("status", "active", "sold", "pending", "draft"),
    ),
    describe(
        "GET",
        "/api/admin/vehicles/{vehicleId}",
        "Show a vehicle, its locked fields and the feed item beside it",
        records.ONE_VEHICLE,
        WHOSE,
    ),
    describe(
        "PATCH",
        "/api/admin/vehicles/{vehicleId}",
        "Set, lock and unlock fields of a vehicle",
        records.ONE_VEHICLE,
        WHOSE,
        body=(VehicleChange,),
    ),
    describe(
        "GET",
        "/api/admin/dealerships",
        "List dealerships",
        record("", dealerships=list_of(records.DEALERSHIP)),
        WHOSE,
    ),
    describe(
        "POST",
        "/api/admin/dealerships",
        "Add a dealership; its first site key is shown this once",
        record("id:int name:text origins:texts siteKey:text"),
        status=HTTPStatus.CREATED,
        body=(NewDealership,),
    ),
    describe(
        "GET",
        f"{_DEALERSHIP}/site-keys",
        "List site keys and what their websites are refused for",
        record("", siteKeys=list_of(records.SITE_KEY_IN_LIST)),
    ),
    describe(
        "POST",
        f"{_DEALERSHIP}/site-keys",
        "Make a site key, shown this once",
        records.NEW_SITE_KEY,
        status=HTTPStatus.CREATED,
        body=(NewSiteKey,),
        conflict="too-many-site-keys: the dealership has 50 active ones.",
    ),
    describe(
        "PATCH",
        f"{_DEALERSHIP}/site-keys/{{keyId}}",
        "Change a site key's label, rate or burst",
        records.SITE_KEY,
        body=(ChangedSiteKey,),
    ),
    describe(
        "DELETE",
        f"{_DEALERSHIP}/site-keys/{{keyId}}",
        "Revoke a site key; in force within a minute, may be repeated",
        None,
        status=HTTPStatus.NO_CONTENT,
    ),
    describe(
        "GET",
        f"{_DEALERSHIP}/origins",
        "Show which web origins may post leads; none listed means any",
        record("dealershipId:int origins:texts"),
    ),
    describe(
        "PUT",
        f"{_DEALERSHIP}/origins",
        "Let pages of these web origins post leads and no others",
        record("dealershipId:int origins:texts"),
        body=(Origins,),
    ),
    describe("GET", "/api/admin/settings", "Show settings", records.SETTINGS, WHOSE),
    describe(
        "PUT",
        "/api/admin/settings",
        "Change a dealership's settings, or without one named the system's",
        records.SETTINGS,
        WHOSE,
        body=(DealershipSettings, SystemSettings),
    ),
    *DYNAMICS_OPERATIONS,
    *EASYCARS_OPERATIONS,
)
