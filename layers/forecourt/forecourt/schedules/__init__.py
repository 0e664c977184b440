"""When runs start: crons, their time zones, and what daylight saving does to them."""
