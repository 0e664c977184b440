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
CREATE INDEX idx_lead_delivery_woken ON lead_delivery (woken_until)
    WHERE state IN ('pending', 'unconfirmed') AND woken_until IS NOT NULL;
CREATE INDEX idx_lead_delivery_due_of_dealership
    ON lead_delivery (dealership_id, next_attempt_at, id) WHERE state = 'pending';
-- What waits and has no time would never be woken.
UPDATE lead_delivery SET next_attempt_at = now()
WHERE state IN ('pending', 'unconfirmed') AND next_attempt_at IS NULL;
ALTER TABLE lead_delivery ADD CONSTRAINT ck_lead_delivery_time CHECK (
    state NOT IN ('pending', 'unconfirmed') OR next_attempt_at IS NOT NULL);

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

-- Of leads that are older than announcements nobody is told again, and of leads that another
-- program entered nobody is told at all.
ALTER TABLE lead ADD COLUMN announced_at timestamptz DEFAULT now();
ALTER TABLE lead ALTER COLUMN announced_at DROP DEFAULT;
COMMENT ON COLUMN lead.announced_at IS 'When lead.accepted was published';
CREATE INDEX idx_lead_unannounced ON lead (id)
    WHERE announced_at IS NULL AND NOT spam AND data_source = 'WebForm';

ALTER TABLE lead ADD COLUMN refresh_tried_at timestamptz;
COMMENT ON COLUMN lead.refresh_tried_at IS
    'When EasyCars was last asked for the lead, answer or none; the least recently asked goes first';

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
ALTER TABLE lead DROP COLUMN refresh_tried_at;
ALTER TABLE lead DROP COLUMN announced_at;
ALTER TABLE lead_delivery
    DROP COLUMN remote_number, DROP COLUMN remote_source, DROP COLUMN woken_until,
    DROP CONSTRAINT ck_lead_delivery_time;
DROP INDEX idx_lead_delivery_due_of_dealership;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
