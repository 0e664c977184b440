"""The vendor's numbered values, and how each of ours translates into one and back.

Sources: EasyCars Stock API v1.01 and Lead API v1.05, sections 1.3 to 1.8 of the reference.
"""

from enum import IntEnum

from forecourt.leads.lead import FinanceStatus, Rating, VehicleInterest
from forecourt.leads.status import EASYCARS_NUMBERS


class ResponseCode(IntEnum):
    """The ``Code`` of every answer; HTTP status says little at this vendor."""

    SUCCESS = 0
    AUTHENTICATION_FAIL = 1
    WARNING = 5
    FAILED = 7
    SYSTEM_ERROR = 9


class VehicleTypeCode(IntEnum):
    """What kind of vehicle a lead or a quotation is about."""

    CAR = 1
    MOTOR_BIKE = 2
    BOAT = 3
    CARAVAN = 4
    TRUCK_OR_BUS = 5
    TRAILER = 6


class VehicleInterestCode(IntEnum):
    """What the visitor wants."""

    BUY = 1
    LEASE = 2
    SELL = 3
    TEST_DRIVE = 4
    SERVICE = 5


class FinanceStatusCode(IntEnum):
    """Whether the visitor wants finance."""

    YES = 1
    NO = 2
    MAYBE = 3


class RatingCode(IntEnum):
    """How warm the lead is."""

    COLD = 1
    WARM = 2
    HOT = 3


class LeadStatusCode(IntEnum):
    """Where a lead stands; a deleted one never comes back."""

    NEW = 10
    IN_PROGRESS = 30
    WON = 50
    LOST = 60
    DELETED = 90


class PaymentMethodCode(IntEnum):
    """How a receipt of a quotation was paid."""

    CASH = 1
    CREDIT_CARD = 2
    CHEQUE = 3
    BANK_TRANSFER = 4
    BPAY = 5
    EFTPOS = 6
    OTHER = 9


class ExtraTypeCode(IntEnum):
    """What an extra of a quotation is."""

    EXTRA = 1
    REGISTRATION = 4
    CTP = 5
    STAMP_DUTY = 6
    LCT = 7
    DEALER_DELIVERY = 8
    EXTENDED_WARRANTY = 9


VEHICLE_TYPE_OF_STOCK_TYPE = {
    "A": VehicleTypeCode.CAR,
    "M": VehicleTypeCode.MOTOR_BIKE,
    "B": VehicleTypeCode.BOAT,
    "C": VehicleTypeCode.CARAVAN,
    "H": VehicleTypeCode.TRUCK_OR_BUS,
    "T": VehicleTypeCode.TRAILER,
}
"""The feed's StockType letter to a lead's VehicleType; anything else counts as a car."""

INTEREST_CODES = {
    VehicleInterest.BUY: VehicleInterestCode.BUY,
    VehicleInterest.LEASE: VehicleInterestCode.LEASE,
    VehicleInterest.SELL: VehicleInterestCode.SELL,
    VehicleInterest.TEST_DRIVE: VehicleInterestCode.TEST_DRIVE,
    VehicleInterest.SERVICE: VehicleInterestCode.SERVICE,
}
INTEREST_OF_CODE = {int(code): interest for interest, code in INTEREST_CODES.items()}

FINANCE_CODES = {
    FinanceStatus.YES: FinanceStatusCode.YES,
    FinanceStatus.NO: FinanceStatusCode.NO,
    FinanceStatus.MAYBE: FinanceStatusCode.MAYBE,
}
FINANCE_OF_CODE = {int(code): finance for finance, code in FINANCE_CODES.items()}

RATING_CODES = {
    Rating.COLD: RatingCode.COLD,
    Rating.WARM: RatingCode.WARM,
    Rating.HOT: RatingCode.HOT,
}
RATING_OF_CODE = {int(code): rating for rating, code in RATING_CODES.items()}

STATUS_CODES = {status: LeadStatusCode(number) for status, number in EASYCARS_NUMBERS.items()}
