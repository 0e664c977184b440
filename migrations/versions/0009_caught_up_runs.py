"""Runs that were missed and caught up are told from those a schedule started in time."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE sync_job DROP CONSTRAINT sync_job_trigger_check;
ALTER TABLE sync_job ADD CONSTRAINT sync_job_trigger_check
    CHECK (trigger IN ('schedule', 'catch_up', 'manual'));
COMMENT ON COLUMN sync_job.trigger IS
    'schedule: fired in time; catch_up: fired late, as it was missed; manual: a person started it';
"""

DOWN = """
UPDATE sync_job SET trigger = 'schedule' WHERE trigger = 'catch_up';
ALTER TABLE sync_job DROP CONSTRAINT sync_job_trigger_check;
ALTER TABLE sync_job ADD CONSTRAINT sync_job_trigger_check
    CHECK (trigger IN ('schedule', 'manual'));
COMMENT ON COLUMN sync_job.trigger IS NULL;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
