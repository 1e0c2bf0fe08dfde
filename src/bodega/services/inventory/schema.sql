-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE FUNCTION move_stock(p_movement text, p_reservation_id text, p_skus text[], p_quantities integer[], p_reason text, p_actor text, p_headers jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
  line record;
  moved record;
BEGIN
  FOR line IN SELECT * FROM unnest(p_skus, p_quantities) AS l (sku, quantity) ORDER BY sku LOOP
    UPDATE stock
       SET on_hand = on_hand + CASE WHEN p_movement IN ('adjusted', 'restocked') THEN line.quantity
                                    WHEN p_movement = 'committed' THEN -line.quantity
                                    ELSE 0 END,
           reserved = reserved + CASE WHEN p_movement IN ('reserved', 'handed_over') THEN line.quantity
                                      WHEN p_movement IN ('adjusted', 'restocked') THEN 0
                                      ELSE -line.quantity END,
           version = version + 1
     WHERE sku = line.sku
    RETURNING product_id, new.version, old.on_hand - old.reserved AS before, new.on_hand - new.reserved AS available,
              new.on_hand - old.on_hand AS on_hand_delta, new.reserved - old.reserved AS reserved_delta
      INTO STRICT moved;
    INSERT INTO stock_ledger (sku, version, movement, on_hand_delta, reserved_delta, reservation_id, reason, actor)
    VALUES (line.sku, moved.version, p_movement, moved.on_hand_delta, moved.reserved_delta, p_reservation_id,
            p_reason, p_actor);
    CONTINUE WHEN p_movement = 'handed_over' AND line.quantity = 0;  -- nothing has changed for anybody else
    PERFORM tell_stock(
      CASE WHEN p_movement = 'reserved' OR p_movement = 'handed_over' AND line.quantity > 0 THEN 'InventoryReserved'
           WHEN p_movement = 'committed' THEN 'InventoryCommitted'
           WHEN p_movement = 'adjusted' THEN 'InventoryAdjusted'
           ELSE 'InventoryReleased' END,
      line.sku, moved.product_id, moved.version, moved.before, moved.available,
      CASE
        WHEN p_movement = 'adjusted' THEN jsonb_build_object('delta', line.quantity, 'reason', p_reason)
        WHEN p_movement = 'handed_over' AND line.quantity < 0 THEN
          jsonb_build_object('reservation_id', p_reservation_id, 'quantity', -line.quantity, 'cause', 'released')
        WHEN p_movement IN ('reserved', 'committed', 'handed_over') THEN
          jsonb_build_object('reservation_id', p_reservation_id, 'quantity', line.quantity)
        ELSE jsonb_build_object('reservation_id', p_reservation_id, 'quantity', line.quantity, 'cause', p_movement)
      END,
      p_headers);
  END LOOP;
END $$;

CREATE FUNCTION refuse_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE FUNCTION reserve(p_id text, p_skus text[], p_quantities integer[], p_actor text, p_headers jsonb, OUT made boolean, OUT short jsonb) RETURNS record
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
  line record;
BEGIN
  made := false;
  short := short_lines(p_skus, p_quantities);  -- thousands may want what is gone: refused without a lock
  IF short IS NULL THEN
    -- The reservation before the stock, as everywhere. Waits for whoever is just burying or making this id.
    INSERT INTO reservation (id, state, skus, quantities) VALUES (p_id, 'reserved', p_skus, p_quantities)
      ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
      RETURN;
    END IF;
    PERFORM FROM stock WHERE sku = ANY (p_skus) ORDER BY sku FOR UPDATE;
    short := short_lines(p_skus, p_quantities);
    IF short IS NULL THEN
      made := true;
      PERFORM move_stock('reserved', p_id, p_skus, p_quantities, '', p_actor, p_headers);
      RETURN;
    END IF;
    DELETE FROM reservation WHERE id = p_id;
  ELSIF EXISTS (SELECT FROM reservation WHERE id = p_id) THEN
    short := NULL;  -- the same request came before, and may have got the last units, for us
    RETURN;
  END IF;
  FOR line IN
    SELECT sku, product_id, version, on_hand - reserved AS available, wanted
      FROM stock JOIN jsonb_to_recordset(short) AS s (sku text, wanted integer) USING (sku)
     WHERE NOT EXISTS (SELECT FROM short_told AS t WHERE t.sku = stock.sku AND t.version >= stock.version)
     ORDER BY sku
  LOOP
    INSERT INTO short_told AS told (sku, version) VALUES (line.sku, line.version)
      ON CONFLICT (sku) DO UPDATE SET version = excluded.version WHERE told.version < excluded.version;
    IF FOUND THEN
      PERFORM tell_stock(
        'InventoryShort', line.sku, line.product_id, line.version, line.available, line.available,
        jsonb_build_object('reservation_id', p_id, 'wanted', line.wanted, 'left', line.available), p_headers);
    END IF;
  END LOOP;
END $$;

CREATE FUNCTION reserve(p_id text, p_skus text[], p_quantities integer[], p_seconds double precision, p_actor text, p_headers jsonb, OUT made boolean, OUT short jsonb, OUT expires_at timestamp with time zone) RETURNS record
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
  line record;
BEGIN
  made := false;
  IF EXISTS (SELECT FROM reservation WHERE id = p_id) THEN
    RETURN;
  END IF;
  short := short_lines(p_skus, p_quantities);  -- thousands may want what is gone: refused without a lock
  IF short IS NULL THEN
    PERFORM FROM stock WHERE sku = ANY (p_skus) ORDER BY sku FOR UPDATE;
    short := short_lines(p_skus, p_quantities);
  END IF;
  IF short IS NOT NULL THEN
    -- The same request may have come twice at once, and the other may have got the last units, for us.
    IF EXISTS (SELECT FROM reservation WHERE id = p_id) THEN
      short := NULL;
      RETURN;
    END IF;
    FOR line IN
      SELECT sku, product_id, version, on_hand - reserved AS available, wanted
        FROM stock JOIN jsonb_to_recordset(short) AS s (sku text, wanted integer) USING (sku)
       WHERE NOT EXISTS (SELECT FROM short_told AS t WHERE t.sku = stock.sku AND t.version >= stock.version)
       ORDER BY sku
    LOOP
      INSERT INTO short_told AS told (sku, version) VALUES (line.sku, line.version)
        ON CONFLICT (sku) DO UPDATE SET version = excluded.version WHERE told.version < excluded.version;
      IF FOUND THEN
        PERFORM tell_stock(
          'InventoryShort', line.sku, line.product_id, line.version, line.available, line.available,
          jsonb_build_object('reservation_id', p_id, 'wanted', line.wanted, 'left', line.available), p_headers);
      END IF;
    END LOOP;
    RETURN;
  END IF;
  -- Waits for whoever is just burying or making this id.
  INSERT INTO reservation AS r (id, state, skus, quantities, expires_at)
    VALUES (p_id, 'reserved', p_skus, p_quantities, now() + make_interval(secs => p_seconds))
    ON CONFLICT DO NOTHING RETURNING r.expires_at INTO expires_at;
  made := FOUND;
  IF made THEN
    PERFORM move_stock('reserved', p_id, p_skus, p_quantities, '', p_actor, p_headers);
  END IF;
END $$;

CREATE FUNCTION short_lines(p_skus text[], p_quantities integer[]) RETURNS jsonb
    LANGUAGE sql STABLE
    AS $$
  SELECT jsonb_agg(jsonb_build_object('sku', l.sku, 'wanted', quantity, 'left', coalesce(on_hand - reserved, 0))
                   ORDER BY l.sku)
    FROM unnest(p_skus, p_quantities) AS l (sku, quantity) LEFT JOIN stock ON stock.sku = l.sku
   WHERE coalesce(on_hand - reserved, 0) < quantity
$$;

CREATE FUNCTION tell_stock(p_type text, p_sku text, p_product_id text, p_version bigint, p_before integer, p_available integer, p_extra jsonb, p_headers jsonb) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

CREATE TABLE product_skus (
    product_id text NOT NULL,
    version bigint NOT NULL,
    skus text[] NOT NULL
);

CREATE TABLE reservation (
    id text NOT NULL,
    state text NOT NULL,
    skus text[] NOT NULL,
    quantities integer[] NOT NULL,
    expires_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    order_cancelled boolean DEFAULT false NOT NULL,
    CONSTRAINT lines_are_whole CHECK (((cardinality(skus) = cardinality(quantities)) AND (0 < ALL (quantities)))),
    CONSTRAINT only_a_tombstone_is_empty CHECK (((state = 'released'::text) OR (cardinality(skus) > 0))),
    CONSTRAINT reservation_state_check CHECK ((state = ANY (ARRAY['reserved'::text, 'held'::text, 'committed'::text, 'released'::text, 'expired'::text, 'restocked'::text])))
);

CREATE TABLE short_told (
    sku text NOT NULL,
    version bigint NOT NULL
);

CREATE TABLE stock (
    sku text NOT NULL,
    product_id text,
    catalog_version bigint DEFAULT 0 NOT NULL,
    on_hand integer DEFAULT 0 NOT NULL,
    reserved integer DEFAULT 0 NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    CONSTRAINT never_promised_twice CHECK (((0 <= reserved) AND (reserved <= on_hand)))
)
WITH (fillfactor='70');

CREATE TABLE stock_ledger (
    sku text NOT NULL,
    version bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    movement text NOT NULL,
    on_hand_delta integer NOT NULL,
    reserved_delta integer NOT NULL,
    reservation_id text,
    reason text DEFAULT ''::text NOT NULL,
    actor text NOT NULL
);

ALTER TABLE ONLY product_skus
    ADD CONSTRAINT product_skus_pkey PRIMARY KEY (product_id);

ALTER TABLE ONLY reservation
    ADD CONSTRAINT reservation_pkey PRIMARY KEY (id);

ALTER TABLE ONLY short_told
    ADD CONSTRAINT short_told_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY stock_ledger
    ADD CONSTRAINT stock_ledger_pkey PRIMARY KEY (sku, version);

ALTER TABLE ONLY stock
    ADD CONSTRAINT stock_pkey PRIMARY KEY (sku);

CREATE INDEX product_skus_by_sku ON product_skus USING gin (skus);

CREATE TRIGGER append_only BEFORE DELETE OR UPDATE ON stock_ledger FOR EACH ROW EXECUTE FUNCTION refuse_change();

ALTER TABLE ONLY stock_ledger
    ADD CONSTRAINT stock_ledger_sku_fkey FOREIGN KEY (sku) REFERENCES stock(sku);
