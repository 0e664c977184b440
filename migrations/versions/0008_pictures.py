"""Pictures the feed has dropped wait a while before they are forgotten."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE vehicle_image ADD COLUMN orphaned_at timestamptz;
COMMENT ON COLUMN vehicle_image.orphaned_at IS 'Since when the feed no longer names this address';
CREATE INDEX idx_vehicle_image_orphaned ON vehicle_image (dealership_id, orphaned_at)
    WHERE orphaned_at IS NOT NULL;
"""

DOWN = """
DROP INDEX idx_vehicle_image_orphaned;
ALTER TABLE vehicle_image DROP COLUMN orphaned_at;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
