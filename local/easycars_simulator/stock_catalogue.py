"""What Australian dealers sell: models, colours, features and sentences to make stock from."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Model:
    """A model of vehicle and the ranges its examples lie in.

    Parameters
    ----------
    stock_type
        The vendor's letter: A car, B boat, C caravan, H truck or bus, M motor bike, T trailer.
    price
        Lowest and highest price in AUD of a new one.
    litres
        Engine size, 0 without an engine; `power` is in kW.
    """

    stock_type: str
    make: str
    name: str
    badges: tuple[str, ...]
    body: str
    price: tuple[int, int]
    litres: float = 0.0
    power: int = 0
    fuel: str = ""
    gears: tuple[str, ...] = ("",)
    doors: int | None = None
    seats: int | None = None
    drive: str = ""


_AUTO = ("8 SP AUTOMATIC", "6 SP MANUAL", "10 SP SPORTS AUTOMATIC")
_UTE_AUTO = ("6 SP AUTOMATIC", "6 SP MANUAL")
_SINGLE = ("1 SP REDUCTION GEAR",)

MODELS = (
    Model("A", "TOYOTA", "HILUX", ("SR5 (4x4)", "WORKMATE", "ROGUE"), "DUAL CAB P/UP",
          (42000, 74000), 2.8, 150, "Diesel", _UTE_AUTO, 4, 5, "4X4"),
    Model("A", "TOYOTA", "COROLLA", ("ASCENT SPORT HYBRID", "SX", "ZR HYBRID"), "5D HATCHBACK",
          (29000, 39000), 1.8, 103, "Unleaded Petrol/Electric", ("CONTINUOUS VARIABLE",), 5, 5,
          "FWD"),
    Model("A", "FORD", "RANGER", ("XLT 3.2 (4x4)", "WILDTRAK 2.0 (4x4)", "RAPTOR 3.0"),
          "DOUBLE CAB P/UP", (48000, 92000), 3.0, 184, "Diesel", _AUTO, 4, 5, "4X4"),
    Model("A", "MAZDA", "CX-5", ("MAXX SPORT (AWD)", "AKERA", "TOURING"), "4D WAGON",
          (36000, 58000), 2.5, 140, "Unleaded Petrol", ("6 SP AUTOMATIC",), 4, 5, "AWD"),
    Model("A", "VOLVO", "V90", ("D5 CROSS COUNTRY INSCRIPTION ", "T6 INSCRIPTION"), "4D WAGON",
          (69000, 99000), 2.0, 173, "Diesel", ("8 SP AUTOMATIC GEARTRONIC",), 4, 5, "AWD"),
    Model("A", "CITROËN", "C4", ("SHINE 1.2 THP",), "5D HATCHBACK", (31000, 38000), 1.2, 96,
          "Premium Unleaded", ("8 SP AUTOMATIC",), 5, 5, "FWD"),
    Model("A", "KIA", "EV6", ("GT-LINE AWD", "AIR RWD"), "4D WAGON", (68000, 99000), 0.0, 239,
          "Electric", _SINGLE, 4, 5, "AWD"),
    Model("A", "ŠKODA", "OCTAVIA", ("RS 180TSI", "AMBITION"), "4D WAGON", (34000, 56000), 2.0, 180,
          "Premium Unleaded", ("7 SP AUTO DIRECT SHIFT",), 4, 5, "FWD"),
    Model("A", "HOLDEN", "COMMODORE", ("SS-V REDLINE", "EVOKE"), "4D SEDAN", (18000, 62000), 6.2,
          304, "Unleaded Petrol", ("6 SP MANUAL", "6 SP AUTOMATIC"), 4, 5, "RWD"),
    Model("A", "SUBARU", "FORESTER", ("2.5i-S (AWD)", "HYBRID L"), "4D WAGON", (36000, 47000), 2.5,
          136, "Unleaded Petrol", ("CONTINUOUS VARIABLE",), 4, 5, "AWD"),
    Model("A", "MERCEDES-BENZ", "C-CLASS", ("C200", "C43 AMG 4MATIC"), "4D SEDAN", (69000, 139000),
          1.5, 150, "Premium Unleaded", ("9 SP AUTOMATIC G-TRONIC",), 4, 5, "RWD"),
    Model("B", "QUINTREX", "481 FISHABOUT", ("PRO", "TROPHY"), "ALUMINIUM RUNABOUT",
          (32000, 48000), 1.8, 66, "Unleaded Petrol"),
    Model("B", "BAYLINER", "VR5", ("BOWRIDER I/O",), "BOWRIDER", (69000, 98000), 4.5, 186,
          "Unleaded Petrol", ("1 SP",)),
    Model("C", "JAYCO", "JOURNEY", ("OUTBACK 17.55-8", "TOURING 19.61-3"), "CARAVAN",
          (58000, 92000)),
    Model("C", "AVAN", "ALIINER", ("ADVENTURE PLUS",), "CAMPER", (26000, 39000)),
    Model("H", "ISUZU", "N SERIES", ("NPR 45-155 TIPPER", "NLR 45-150"), "TRAY TRUCK",
          (64000, 128000), 5.2, 114, "Diesel", ("6 SP AUTOMATED MANUAL",), 2, 3, "4x2"),
    Model("H", "MITSUBISHI FUSO", "ROSA", ("DELUXE 25 SEAT",), "BUS", (139000, 198000), 3.0, 129,
          "Diesel", ("6 SP DUAL CLUTCH",), 2, 25, "4x2"),
    Model("M", "HARLEY-DAVIDSON", "SOFTAIL", ("FAT BOY 114", "HERITAGE CLASSIC"), "CRUISER",
          (28000, 44000), 1.9, 70, "Unleaded Petrol", ("6 SP MANUAL",), None, 2),
    Model("M", "YAMAHA", "MT-07", ("LA HIGH OUTPUT",), "ROAD", (12000, 16000), 0.7, 54,
          "Unleaded Petrol", ("6 SP CONSTANT MESH",), None, 2),
    Model("T", "BRIMARCO", "8x5", ("TANDEM AXLE BOX",), "BOX TRAILER", (3000, 5200)),
    Model("T", "MARIO", "CAR CARRIER", ("3500KG",), "FLAT TOP TRAILER", (8900, 14500)),
)  # fmt: skip

WEIGHTS = tuple({"A": 8, "M": 3}.get(model.stock_type, 2) for model in MODELS)
"""How often each model stands in a yard."""

COLOURS = (
    "Glacier White",
    "Ebony Black",
    "Silver",
    "Red",
    "Graphite",
    "Deep Ocean Blue",
    "",
    "Grün",
)
INTERIORS = ("", "Black Leather", "Grey Cloth", "Beige", "Charcoal Fabric ")
STATES = ("NSW", "VIC", "QLD", "SA", "WA", "TAS", "NT", "ACT")
STATUSES = ("In Stock",) * 8 + ("On Offer", "Sold", "In Transit", "")

FEATURES = (
    "Additional 12 Volt Socket/s", "12 Volt Power Outlet", "Adaptive Cruise Control",
    "Airbag - Driver", "Airbag - Passenger", "Airbags - Side for 1st Row Occupants",
    "Airbags - Head for 1st Row Seats (Front)", "Airbags - Head for 2nd Row Seats",
    "Air Cond. - Climate Control 2 Zone", "Air Conditioning - Pollen Filter", "Alarm",
    "Armrest - Front Centre (Shared)", "Armrest - Rear Centre (Shared)",
    "Audio - Aux Input Socket", "Audio - Input for iPod", "Audio - MP3 Decoder",
    "Bluetooth System", "Body Colour - Bumpers", "Body Colour - Door Handles", "Brake Assist",
    "Brake Emergency Display - Hazard/Stoplights", "Camera - Front Vision",
    "Camera - Rear Vision", "Camera - Side Vision", "Cargo Cover", "Cargo Tie Down Hooks/Rings",
    "Central Locking - Remote/Keyless", "Chrome Grille Surround",
    "Collision Mitigation - Forward (Low speed)", "Collision Warning - Forward",
    "Control - Electronic Stability", "Control - Hill Descent", "Control - Park Distance Front",
    "Control - Park Distance Rear", "Control - Rollover Stability", "Control - Traction",
    "Control - Trailer Sway", "Cross Traffic Alert - Rear", "Cup Holders - 1st Row",
    "Cup Holders - 2nd Row", "Data Dots", "Daytime Running Lamps - LED", "Digital Radio (DAB+)",
    "Disc Brakes Front Ventilated", "Disc Brakes Rear Ventilated",
    "Door Pockets - 1st row (Front)", "Driver Attention Detection", "EBD", "Engine Immobiliser",
    "Engine - Stop Start System", "Floor Mats", "Fog Lamps - Front", "GPS (Satellite Navigation)",
    "Headlamps - Automatic (Light sensitive)", "Headlamps - LED", "Heated Front Seats",
    "Hill Holder", "Illuminated - Entry/Exit", "Inbuilt Flash Memory", "Keyless Start",
    "Lane Departure Warning", "Lane Keeping - Active Assist", "Leather Gear Knob",
    "Leather Steering Wheel", "Map/Reading Lamps - for 1st Row",
    "Metallic Finish Interior Inserts", "Multi-function Control Screen - Colour",
    "Multi-function Steering Wheel", "Parking Assist - Graphical Display",
    "Power Door Mirrors - Folding", "Power Door Mirrors - Heated",
    "Power Steering - Electric Assist", "Power Tailgate/Boot - Hands Free",
    "Power Windows - Front & Rear", "Privacy Glass", "Rain Sensor (Auto wipers)",
    "Rear View Mirror - Electric/Auto Dimming", "Rear Wiper/Washer", "Roof Rails",
    "Seat - Driver with Electric Lumbar", "Seat - Height Adjustable Driver",
    "Seatback Pockets - 1st Row (Front) Seats", "Seatbelt - Load Limiters 1st Row (Front)",
    "Seatbelt - Pretensioners 1st Row (Front)", "Seats - 2nd Row Split Fold",
    "Smart Device Integration - Android Auto", "Smart Device Integration - Apple CarPlay",
    "Spare Wheel - Space Saver/Temporary", "Speed Limiter",
    "Speed Zone Reminder - Road Sign Recognition", "Starter Button",
    "Storage Compartment - Centre Console 1st Row", "Sunroof - Electric", "Telematics",
    "Tyre Pressure Sensor", "Voice Recognition", 'Wheels - 19" Alloy',
)  # fmt: skip

OPTIONS = ("Metallic Paint", "Tow Bar", "Panoramic Glass Roof", "Tinted Windows", "Bull Bar")

SENTENCES = (
    "One owner, full service history, two keys.",
    "Finance available to approved purchasers, T's & C's apply.",
    "Trade-ins welcome; delivery can be arranged anywhere in Australia.",
    'Our "Drive Away, No More To Pay" price includes registration, stamp duty and CTP.',
    "Just arrived at our yard and already detailed, workshop tested and ready for a new home.",
    "Inspect seven days a week, after hours by appointment.",
    "Line-X tub liner, nudge bar, roof racks, snorkel and UHF fitted.",
    "Balance of new car warranty with roadside assistance until 2027.",
    "Ask us about our extended warranty: up to 5 years / 100,000 km.",
)
