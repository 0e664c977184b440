-- The questions people ask of these tables. The tables are a contract, so these run unchanged.

-- name: active_credentials_of_a_dealership
SELECT id, environment, yard_code, hold_reason, last_synced_at
FROM dealership_easycars_credentials
WHERE dealership_id = 42 AND is_active;

-- name: failed_syncs_of_the_last_24_hours
SELECT id, dealership_id, sync_type, sync_direction, started_at, error_message
FROM easycars_sync_logs
WHERE status = 'Failed' AND started_at >= now() - interval '24 hours'
ORDER BY started_at DESC;

-- name: vehicle_by_stock_number
SELECT id, make, model, year, price, status, last_synced_from_easycars
FROM vehicle
WHERE dealership_id = 42 AND easycars_stock_number = 'S2051';

-- name: easycars_vehicles_of_a_dealership
SELECT id, title, status, easycars_stock_number, last_synced_from_easycars
FROM vehicle
WHERE dealership_id = 42 AND data_source = 'EasyCars'
ORDER BY last_synced_from_easycars DESC;

-- name: performance_of_the_last_7_days
SELECT date_trunc('day', started_at) AS day, sync_type, sync_direction,
       count(*) AS runs,
       count(*) FILTER (WHERE status = 'Success') AS succeeded,
       count(*) FILTER (WHERE status = 'Failed') AS failed,
       sum(records_processed) AS records,
       avg(completed_at - started_at) AS mean_duration
FROM easycars_sync_logs
WHERE started_at >= now() - interval '7 days'
GROUP BY 1, 2, 3
ORDER BY 1 DESC, 2, 3;

-- name: leads_pushed_in_the_last_hour
SELECT id, dealership_id, easycars_lead_number, status, last_synced_to_easycars
FROM lead
WHERE last_synced_to_easycars >= now() - interval '1 hour'
ORDER BY last_synced_to_easycars DESC;

-- name: duplicate_vins
SELECT dealership_id, easycars_vin, count(*) AS vehicles
FROM vehicle
WHERE easycars_vin IS NOT NULL
GROUP BY dealership_id, easycars_vin
HAVING count(*) > 1;

-- name: sync_logs_with_credential_and_dealership
SELECT l.id, d.name AS dealership, c.environment, l.sync_type, l.sync_direction, l.status,
       l.started_at, l.completed_at, l.records_processed
FROM easycars_sync_logs l
JOIN dealership d ON d.id = l.dealership_id
LEFT JOIN dealership_easycars_credentials c ON c.id = l.credential_id
ORDER BY l.started_at DESC
LIMIT 50;
