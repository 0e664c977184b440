"""What a lead's promise needs beside the ledger: wake-ups, announcements, probes, refusals."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE lead_delivery ADD COLUMN woken_until timestamptz;
COMMENT ON COLUMN lead_delivery.woken_until IS
    'Until then a message about this row is taken to be on its way; the sweeper sends another after';

ALTER TABLE circuit_breaker ADD COLUMN closed_at timestamptz;
COMMENT ON COLUMN circuit_breaker.closed_at IS
    'When it closed last; failures of calls that began before say nothing any more';

ALTER TABLE lead_delivery
    ADD COLUMN remote_source text,
    ADD COLUMN remote_number bigint GENERATED ALWAYS AS (
        CASE WHEN target = 'EasyCars' AND remote_id ~ '^[0-9]{1,18}$'
             THEN remote_id::bigint END) STORED;
COMMENT ON COLUMN lead_delivery.remote_source IS
    'Hash of the client a create was sent as; EasyCars shows a lead to its own source only';
COMMENT ON COLUMN lead_delivery.remote_number IS
    'The LeadNumber''s value, to find the numbers next to it; remote_id is how the vendor writes it';
CREATE INDEX idx_lead_delivery_remote_number ON lead_delivery (remote_scope, remote_number)
    WHERE remote_number IS NOT NULL;

-- Of leads that are older than announcements nobody is told again.
ALTER TABLE lead ADD COLUMN announced_at timestamptz DEFAULT now();
ALTER TABLE lead ALTER COLUMN announced_at DROP DEFAULT;
COMMENT ON COLUMN lead.announced_at IS 'When lead.accepted was published';
CREATE INDEX idx_lead_unannounced ON lead (id) WHERE announced_at IS NULL AND NOT spam;

ALTER TABLE lead_delivery_attempt
    DROP CONSTRAINT lead_delivery_attempt_outcome_check,
    ADD CONSTRAINT lead_delivery_attempt_outcome_check CHECK (outcome IN (
        'delivered', 'retryable', 'permanent', 'unknown', 'auth', 'lease_expired', 'given_up',
        'duplicate', 'adopted', 'create_again', 'inconclusive'));

CREATE TABLE site_refusal (
    dealership_id integer NOT NULL REFERENCES dealership (id) ON DELETE CASCADE,
    key_id        text NOT NULL,
    reason        text NOT NULL,
    field         text NOT NULL DEFAULT '',
    hour          timestamptz NOT NULL,
    requests      integer NOT NULL CHECK (requests > 0),
    last_at       timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (dealership_id, key_id, hour, reason, field)
);
CREATE INDEX idx_site_refusal_last_at ON site_refusal (last_at DESC);
COMMENT ON TABLE site_refusal IS
    'How many requests with a valid site key were refused per hour, why and for which field';
"""

DOWN = """
DROP TABLE site_refusal;
DELETE FROM lead_delivery_attempt WHERE outcome IN ('adopted', 'create_again', 'inconclusive');
ALTER TABLE lead_delivery_attempt
    DROP CONSTRAINT lead_delivery_attempt_outcome_check,
    ADD CONSTRAINT lead_delivery_attempt_outcome_check CHECK (outcome IN (
        'delivered', 'retryable', 'permanent', 'unknown', 'auth', 'lease_expired', 'given_up',
        'duplicate'));
ALTER TABLE circuit_breaker DROP COLUMN closed_at;
DROP INDEX idx_lead_unannounced;
ALTER TABLE lead DROP COLUMN announced_at;
ALTER TABLE lead_delivery
    DROP COLUMN remote_number, DROP COLUMN remote_source, DROP COLUMN woken_until;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
