"""Dynamics 365: how a connection signs in, what its tenant's lead table has, and its budget."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

UP = """
ALTER TABLE dynamics_connection
    ALTER COLUMN client_secret_encrypted DROP NOT NULL,
    ADD COLUMN certificate_encrypted text,
    ADD COLUMN key_column text NOT NULL DEFAULT 'hnt_forecourtid',
    ADD COLUMN secret_changed_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN budget_scope text,
    ADD COLUMN metadata jsonb,
    ADD COLUMN metadata_read_at timestamptz,
    ADD CONSTRAINT ck_dynamics_connection_secret CHECK (
        (client_secret_encrypted IS NULL) <> (certificate_encrypted IS NULL));
COMMENT ON COLUMN dynamics_connection.field_mapping IS
    'Per tenant: optionSets (column, label, integer), columns (whether to send it), duplicateDetection';
COMMENT ON COLUMN dynamics_connection.metadata IS
    'What the tenant''s own description of its lead table said last';
COMMENT ON COLUMN dynamics_connection.budget_scope IS
    'Hash of environment and client: connections with the same one share service protection limits';

ALTER TABLE lead_delivery ADD COLUMN payload_hash text, ADD COLUMN push_job_id uuid;
COMMENT ON COLUMN lead_delivery.payload_hash IS
    'Dynamics: hash of the last confirmed payload; an equal one needs no update';
COMMENT ON COLUMN lead_delivery.push_job_id IS 'Dynamics: the push a person asked for last';
CREATE INDEX idx_lead_delivery_push_job ON lead_delivery (push_job_id)
    WHERE push_job_id IS NOT NULL;

CREATE INDEX idx_lead_delivery_due_to_dynamics
    ON lead_delivery (dealership_id, next_attempt_at, id)
    WHERE state = 'pending' AND target = 'Dynamics';

ALTER TABLE circuit_breaker ALTER COLUMN environment TYPE text;

CREATE TABLE dynamics_budget (
    scope        text PRIMARY KEY,
    closed_until timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE dynamics_budget IS
    'Per environment and application user: until when a 429 of Dynamics asks for silence';
CREATE TABLE dynamics_budget_grant (
    id                uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    scope             text NOT NULL REFERENCES dynamics_budget (scope) ON DELETE CASCADE,
    requests          integer NOT NULL,
    execution_seconds float8,
    slowest_seconds   float8,
    ends_at           timestamptz NOT NULL,
    is_returned       boolean NOT NULL DEFAULT false,
    is_probe          boolean NOT NULL DEFAULT false
);
CREATE INDEX idx_dynamics_budget_grant_ends ON dynamics_budget_grant (scope, ends_at);
COMMENT ON TABLE dynamics_budget_grant IS
    'Permits to call Dynamics: how many, and what they came to; kept for the window of 300 s';
CREATE TABLE dynamics_budget_wait (
    scope         text NOT NULL REFERENCES dynamics_budget (scope) ON DELETE CASCADE,
    connection_id integer NOT NULL,
    until         timestamptz NOT NULL,
    PRIMARY KEY (scope, connection_id)
);
COMMENT ON TABLE dynamics_budget_wait IS
    'Connections that were turned away: room is kept for them until then';

INSERT INTO system_settings (key, value, description) VALUES
    ('dynamics_push_enabled', 'true', 'Leads are pushed to Dynamics 365: true or false')
ON CONFLICT (key) DO NOTHING;
"""

DOWN = """
DELETE FROM system_settings WHERE key = 'dynamics_push_enabled';
DROP TABLE dynamics_budget_wait, dynamics_budget_grant, dynamics_budget;
DELETE FROM circuit_breaker WHERE length(environment) > 20;
ALTER TABLE circuit_breaker ALTER COLUMN environment TYPE varchar(20);
DROP INDEX idx_lead_delivery_due_to_dynamics;
DROP INDEX idx_lead_delivery_push_job;
ALTER TABLE lead_delivery DROP COLUMN push_job_id, DROP COLUMN payload_hash;
-- A certificate is nothing the older table can hold: such a connection has to be entered again.
DELETE FROM dynamics_connection WHERE client_secret_encrypted IS NULL;
ALTER TABLE dynamics_connection
    DROP CONSTRAINT ck_dynamics_connection_secret,
    DROP COLUMN metadata_read_at, DROP COLUMN metadata, DROP COLUMN budget_scope,
    DROP COLUMN secret_changed_at, DROP COLUMN key_column, DROP COLUMN certificate_encrypted,
    ALTER COLUMN client_secret_encrypted SET NOT NULL;
COMMENT ON COLUMN dynamics_connection.field_mapping IS NULL;
"""


def upgrade() -> None:
    op.execute(UP)


def downgrade() -> None:
    op.execute(DOWN)
