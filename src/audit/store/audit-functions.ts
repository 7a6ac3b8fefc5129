const COLUMNS = `id, occurred_at, action, outcome, severity, actor_id, tenant_id, target, targets, request_id, trace_id,
  address, user_agent, route, idempotency_key, schema_version, metadata`;

/**
 * Writes the ids of new events to the feed. The function runs as its owner. A role that may only insert events
 * therefore needs no rights on the feed.
 *
 * @param schema name of the schema, quoted
 */
export const createNoteBatch = (schema: string) => `
  CREATE FUNCTION audit_note_batch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = ${schema}, pg_temp AS $$
  BEGIN
    INSERT INTO audit_batches (event_ids) SELECT array_agg(id ORDER BY id) FROM added HAVING count(*) > 0;
    RETURN NULL;
  END $$`;

export const CREATE_IMMUTABLE = `
  CREATE FUNCTION audit_immutable() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed; retention drops whole partitions', TG_TABLE_NAME
      USING ERRCODE = 'insufficient_privilege';
  END $$`;

/**
 * Inserts events; there is no other way. The function runs as its owner, a role that may only insert. The login of the
 * application therefore cannot change events with it. PostgreSQL plans its statement once in each session.
 *
 * @param schema name of the schema, quoted
 */
export const createAppend = (schema: string) => `
  CREATE FUNCTION audit_append(batch json) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
  SET search_path = ${schema}, pg_temp AS $$
  DECLARE scope text := current_setting('app.audit_scope', true);
  BEGIN
    PERFORM set_config('app.audit_scope', 'all', true);
    WITH event AS (
      SELECT * FROM json_to_recordset(batch) AS event(
        id uuid, occurred_at timestamptz, action text, outcome text, severity text, actor_id text, tenant_id text,
        target text, targets text[], request_id text, trace_id text, address text, user_agent text, route text,
        idempotency_key text, schema_version smallint, metadata jsonb)
    ), keyed AS (
      INSERT INTO audit_idempotency (tenant, key, event_id)
      SELECT coalesce(tenant_id, ''), idempotency_key, id FROM event WHERE idempotency_key IS NOT NULL ORDER BY 1, 2, 3
      ON CONFLICT DO NOTHING RETURNING event_id
    ), inserted AS (
      INSERT INTO audit_events (${COLUMNS})
      SELECT ${COLUMNS} FROM event
      WHERE idempotency_key IS NULL OR id IN (SELECT event_id FROM keyed)
      ON CONFLICT DO NOTHING RETURNING id, tenant_id
    )
    INSERT INTO audit_unsealed (tenant, event_id) SELECT coalesce(tenant_id, ''), id FROM inserted;
    PERFORM set_config('app.audit_scope', scope, true);
  END $$`;
