"""EasyCars columns of vehicle and lead, widened CHECKs, one row per stock number.

Where a dealership has a stock number twice, the newest row keeps it (by ``created_at``, then by
id); the others lose it and are listed in ``migration_finding``. Going down gives it back to them.
"""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

COLUMNS = """
ALTER TABLE vehicle
    ADD COLUMN IF NOT EXISTS easycars_stock_number varchar(100),
    ADD COLUMN IF NOT EXISTS easycars_yard_code varchar(50),
    ADD COLUMN IF NOT EXISTS easycars_vin varchar(17),
    ADD COLUMN IF NOT EXISTS easycars_raw_data jsonb,
    ADD COLUMN IF NOT EXISTS data_source varchar(20) NOT NULL DEFAULT 'Manual',
    ADD COLUMN IF NOT EXISTS last_synced_from_easycars timestamptz,
    ADD COLUMN IF NOT EXISTS exterior_color varchar(50),
    ADD COLUMN IF NOT EXISTS interior_color varchar(50),
    ADD COLUMN IF NOT EXISTS body varchar(50),
    ADD COLUMN IF NOT EXISTS fuel_type varchar(50),
    ADD COLUMN IF NOT EXISTS gear_type varchar(50),
    ADD COLUMN IF NOT EXISTS engine_capacity varchar(50),
    ADD COLUMN IF NOT EXISTS door_count integer,
    ADD COLUMN IF NOT EXISTS features jsonb,
    ADD COLUMN IF NOT EXISTS content_hash bytea,
    ADD COLUMN IF NOT EXISTS source_scope text,
    ADD COLUMN IF NOT EXISTS removed_from_feed_at timestamptz,
    ADD COLUMN IF NOT EXISTS locked_fields text[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS images_wanted text,
    ADD COLUMN IF NOT EXISTS images_done text;

COMMENT ON COLUMN vehicle.easycars_raw_data IS 'The feed item, equal as JSON to what came';
COMMENT ON COLUMN vehicle.content_hash IS
    'sha256(mapping version + raw slice); NULL makes the next sync write the row';
COMMENT ON COLUMN vehicle.source_scope IS
    'Environment, account and yard the row came from, without revealing the account';
COMMENT ON COLUMN vehicle.removed_from_feed_at IS
    'Since when the feed no longer holds it; such a row is never "unchanged"';
COMMENT ON COLUMN vehicle.locked_fields IS 'Columns a person keeps; a sync leaves them alone';
COMMENT ON COLUMN vehicle.images_wanted IS
    'Digest of the ordered image URLs of the feed; images are due where images_done differs';

ALTER TABLE lead
    ADD COLUMN IF NOT EXISTS external_id uuid NOT NULL DEFAULT gen_random_uuid(),
    ADD COLUMN IF NOT EXISTS easycars_lead_number varchar(100),
    ADD COLUMN IF NOT EXISTS easycars_customer_no varchar(100),
    ADD COLUMN IF NOT EXISTS easycars_raw_data jsonb,
    ADD COLUMN IF NOT EXISTS data_source varchar(20) NOT NULL DEFAULT 'Manual',
    ADD COLUMN IF NOT EXISTS last_synced_to_easycars timestamptz,
    ADD COLUMN IF NOT EXISTS last_synced_from_easycars timestamptz,
    ADD COLUMN IF NOT EXISTS vehicle_interest_type varchar(50),
    ADD COLUMN IF NOT EXISTS finance_interested boolean DEFAULT false,
    ADD COLUMN IF NOT EXISTS finance_status varchar(10)
        CONSTRAINT ck_lead_finance_status CHECK (finance_status IN ('Yes', 'No', 'Maybe')),
    ADD COLUMN IF NOT EXISTS rating varchar(20),
    ADD COLUMN IF NOT EXISTS status_synced_at timestamptz,
    ADD COLUMN IF NOT EXISTS last_known_easycars_status integer,
    ADD COLUMN IF NOT EXISTS requested_stock_number varchar(100),
    ADD COLUMN IF NOT EXISTS source_page_url text,
    ADD COLUMN IF NOT EXISTS address_line varchar(200),
    ADD COLUMN IF NOT EXISTS address_city varchar(50),
    ADD COLUMN IF NOT EXISTS address_state varchar(50),
    ADD COLUMN IF NOT EXISTS address_post_code varchar(10),
    ADD COLUMN IF NOT EXISTS company jsonb,
    ADD COLUMN IF NOT EXISTS consent jsonb,
    ADD COLUMN IF NOT EXISTS delivery_notes jsonb NOT NULL DEFAULT '[]',
    ADD COLUMN IF NOT EXISTS idempotency_key text,
    ADD COLUMN IF NOT EXISTS site_key_id text,
    ADD COLUMN IF NOT EXISTS correlation_id text,
    ADD COLUMN IF NOT EXISTS spam boolean NOT NULL DEFAULT false,
    ADD COLUMN IF NOT EXISTS version integer NOT NULL DEFAULT 1,
    ADD COLUMN IF NOT EXISTS received_at timestamptz,
    ADD COLUMN IF NOT EXISTS updated_at timestamptz NOT NULL DEFAULT now(),
    ADD COLUMN IF NOT EXISTS erased_at timestamptz;

-- Leads of before were received when their row was made.
UPDATE lead SET received_at = coalesce(created_at, now()) WHERE received_at IS NULL;
ALTER TABLE lead
    ALTER COLUMN received_at SET DEFAULT now(),
    ALTER COLUMN received_at SET NOT NULL;

COMMENT ON COLUMN lead.external_id IS 'The id the website was given and the ExternalID at EasyCars';
COMMENT ON COLUMN lead.finance_status IS 'Yes, No or Maybe as asked; finance_interested is true for Yes';
COMMENT ON COLUMN lead.delivery_notes IS 'Lines added for the dealer, a JSON array of texts';
COMMENT ON COLUMN lead.version IS 'Counts edits; a delivery row wants one version and knows the delivered one';

-- lz4 stores a first load 2.4 times as fast as pglz; not every server is built with it.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_settings
               WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)) THEN
        EXECUTE 'ALTER TABLE vehicle ALTER COLUMN easycars_raw_data SET COMPRESSION lz4';
        EXECUTE 'ALTER TABLE lead ALTER COLUMN easycars_raw_data SET COMPRESSION lz4';
    END IF;
END $$;
"""

CHECKS = """
UPDATE vehicle SET data_source = 'Manual' WHERE data_source IS NULL;
UPDATE lead SET data_source = 'Manual' WHERE data_source IS NULL;
SELECT migration_set_check('0002', 'vehicle', 'condition', 'CK_vehicle_condition',
    ARRAY['new', 'used']);
SELECT migration_set_check('0002', 'vehicle', 'status', 'CK_vehicle_status',
    ARRAY['active', 'sold', 'pending', 'draft']);
SELECT migration_set_check('0002', 'vehicle', 'data_source', 'CK_vehicle_data_source',
    ARRAY['Manual', 'EasyCars', 'Import']);
SELECT migration_set_check('0002', 'lead', 'status', 'CK_lead_status',
    ARRAY['received', 'in progress', 'won', 'lost', 'deleted', 'done']);
SELECT migration_set_check('0002', 'lead', 'data_source', 'CK_lead_data_source',
    ARRAY['Manual', 'EasyCars', 'WebForm']);
"""

ONE_ROW_PER_STOCK_NUMBER = """
DO $$
DECLARE
    nulled bigint;
BEGIN
    WITH ranked AS (
        SELECT id, dealership_id, easycars_stock_number AS number,
               btrim(easycars_stock_number) = '' AS is_blank,
               first_value(id) OVER newest_first AS kept,
               row_number() OVER newest_first AS place
        FROM vehicle
        WHERE easycars_stock_number IS NOT NULL
        WINDOW newest_first AS (
            PARTITION BY dealership_id, easycars_stock_number
            ORDER BY created_at DESC NULLS LAST, id DESC)
    )
    INSERT INTO migration_finding (revision, kind, table_name, row_id, detail)
    SELECT '0002', CASE WHEN is_blank THEN 'stock_number_blank' ELSE 'stock_number_doubled' END,
           'vehicle', id, jsonb_build_object(
               'dealershipId', dealership_id, 'stockNumber', number,
               'keptByVehicleId', CASE WHEN is_blank THEN NULL ELSE kept END)
    FROM ranked
    WHERE is_blank OR place > 1;

    UPDATE vehicle v SET easycars_stock_number = NULL
    FROM migration_finding f
    WHERE f.revision = '0002' AND f.row_id = v.id
      AND f.kind IN ('stock_number_blank', 'stock_number_doubled');
    GET DIAGNOSTICS nulled = ROW_COUNT;
    IF nulled > 0 THEN
        RAISE WARNING '% vehicles lost a doubled or blank stock number; see migration_finding', nulled;
    END IF;
END $$;

ALTER TABLE vehicle ADD CONSTRAINT uq_vehicle_dealership_stock_number
    UNIQUE (dealership_id, easycars_stock_number);
"""

INDEXES = """
CREATE INDEX IF NOT EXISTS idx_vehicles_easycars_stock ON vehicle (easycars_stock_number)
    WHERE easycars_stock_number IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_vehicles_easycars_vin ON vehicle (easycars_vin)
    WHERE easycars_vin IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_vehicles_data_source ON vehicle (data_source);
CREATE INDEX idx_vehicle_dealership_vin ON vehicle (dealership_id, easycars_vin) INCLUDE (id)
    WHERE easycars_vin IS NOT NULL;

ALTER TABLE lead ADD CONSTRAINT uq_lead_external_id UNIQUE (external_id);
CREATE INDEX IF NOT EXISTS idx_leads_easycars_lead ON lead (easycars_lead_number)
    WHERE easycars_lead_number IS NOT NULL;
CREATE INDEX IF NOT EXISTS idx_leads_data_source ON lead (data_source);
CREATE INDEX idx_lead_dealership_received_at ON lead (dealership_id, received_at DESC);
CREATE INDEX idx_lead_last_synced_to_easycars ON lead (last_synced_to_easycars DESC)
    WHERE last_synced_to_easycars IS NOT NULL;
CREATE INDEX idx_lead_idempotency_key ON lead (dealership_id, idempotency_key)
    WHERE idempotency_key IS NOT NULL;
"""

DOWN = """
DROP INDEX idx_lead_idempotency_key, idx_lead_last_synced_to_easycars,
    idx_lead_dealership_received_at, idx_vehicle_dealership_vin;
ALTER TABLE lead DROP CONSTRAINT uq_lead_external_id;
ALTER TABLE vehicle DROP CONSTRAINT uq_vehicle_dealership_stock_number;
SELECT migration_drop_indexes(ARRAY[
    'idx_vehicles_easycars_stock', 'idx_vehicles_easycars_vin', 'idx_vehicles_data_source',
    'idx_leads_easycars_lead', 'idx_leads_data_source']);

UPDATE vehicle v SET easycars_stock_number = f.detail ->> 'stockNumber'
FROM migration_finding f
WHERE f.revision = '0002' AND f.row_id = v.id AND v.easycars_stock_number IS NULL
  AND f.kind IN ('stock_number_blank', 'stock_number_doubled');
DELETE FROM migration_finding WHERE revision = '0002';

SELECT migration_restore_checks('vehicle', 'condition', 'CK_vehicle_condition');
SELECT migration_restore_checks('vehicle', 'status', 'CK_vehicle_status');
SELECT migration_restore_checks('vehicle', 'data_source', 'CK_vehicle_data_source');
SELECT migration_restore_checks('lead', 'status', 'CK_lead_status');
SELECT migration_restore_checks('lead', 'data_source', 'CK_lead_data_source');

SELECT migration_drop_columns('vehicle', ARRAY[
    'easycars_stock_number', 'easycars_yard_code', 'easycars_vin', 'easycars_raw_data',
    'data_source', 'last_synced_from_easycars', 'exterior_color', 'interior_color', 'body',
    'fuel_type', 'gear_type', 'engine_capacity', 'door_count', 'features', 'content_hash',
    'source_scope', 'removed_from_feed_at', 'locked_fields', 'images_wanted', 'images_done']);
SELECT migration_drop_columns('lead', ARRAY[
    'external_id', 'easycars_lead_number', 'easycars_customer_no', 'easycars_raw_data',
    'data_source', 'last_synced_to_easycars', 'last_synced_from_easycars',
    'vehicle_interest_type', 'finance_interested', 'finance_status', 'rating',
    'status_synced_at', 'last_known_easycars_status', 'requested_stock_number',
    'source_page_url', 'address_line', 'address_city', 'address_state', 'address_post_code',
    'company', 'consent', 'delivery_notes', 'idempotency_key', 'site_key_id', 'correlation_id',
    'spam', 'version', 'received_at', 'updated_at', 'erased_at']);
"""


def upgrade() -> None:
    op.execute(COLUMNS)
    op.execute(CHECKS)
    op.execute(ONE_ROW_PER_STOCK_NUMBER)
    op.execute(INDEXES)


def downgrade() -> None:
    op.execute(DOWN)
