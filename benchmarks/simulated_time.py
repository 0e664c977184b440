"""A database in which hours pass in a moment: its ``now()`` and ``clock_timestamp()`` are ours.

Names are looked up in ``public`` before PostgreSQL's own functions, so leases, waits and breakers
end as they would. Moving every stored time back instead, as tests do, rewrites every row.
"""

from forecourt.storage.postgres import Database

_OWN_CLOCK = """
CREATE FUNCTION public.now() RETURNS timestamptz LANGUAGE sql STABLE
    RETURN pg_catalog.now() + current_setting('benchmark.passed')::interval;
CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE
    RETURN pg_catalog.clock_timestamp() + current_setting('benchmark.passed')::interval;
DO $$ BEGIN
    EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
    EXECUTE format('ALTER DATABASE %I SET benchmark.passed = ''0''', current_database());
END $$;
"""


def give_own_clock(database: Database) -> None:
    """Set an empty database up, before its tables are made."""
    database.connection().execute(_OWN_CLOCK)


class SimulatedTime:
    """The time of one connection, which everything under measurement shares.

    ``passed`` are the seconds that were skipped.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.passed = 0.0

    def let_pass(self, seconds: float) -> None:
        """Skip so many seconds."""
        self.passed += seconds
        self._database.connection().execute(
            "SELECT set_config('benchmark.passed', %s, false)", (f"{self.passed} seconds",)
        )
