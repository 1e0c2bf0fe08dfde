-- As before, without NOTIFY: the service wakes its relay itself, after the commit (bodega.kit.notices).
CREATE OR REPLACE FUNCTION tell_stock(
  p_type text, p_sku text, p_product_id text, p_version bigint, p_before integer, p_available integer,
  p_extra jsonb, p_headers jsonb
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  event_id uuid := uuidv7();
BEGIN
  INSERT INTO outbox (event_id, topic, key, body, headers) VALUES (
    event_id, 'inventory', p_sku,
    convert_to((jsonb_build_object(
      'specversion', '1.0',
      'id', event_id,
      'source', '/bodega/inventory',
      'type', p_type,
      'subject', p_sku,
      'time', to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
      'datacontenttype', 'application/json',
      'dataschema', 'https://bodega.example/schemas/' || p_type || '/1',
      'sequence', p_version::text,
      'data', jsonb_build_object(
        'sku', p_sku,
        'product_id', p_product_id,
        'version', p_version,
        'shown', CASE WHEN p_available > 10 THEN to_jsonb('many'::text) ELSE to_jsonb(p_available) END,
        'available', p_available,
        'in_stock', p_available > 0,
        'in_stock_flipped', (p_before > 0) <> (p_available > 0)
      ) || p_extra
    ) || CASE WHEN p_headers ? 'traceparent' THEN jsonb_build_object('traceparent', p_headers -> 'traceparent')
              ELSE '{}' END)::text, 'UTF8'),
    p_headers);
END $$;
