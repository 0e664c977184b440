"""The PostgreSQL adapter: every SQL statement, one file per table."""
