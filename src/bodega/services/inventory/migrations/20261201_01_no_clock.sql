-- A reservation has no clock any more: the checkout that has asked for it ends it, or its order does. So it need not be
-- held against the clock either, and neither `held` nor `expired` says more than `reserved` and `released`.
-- The former release, which may run beside this one, still writes both, and a time: they are read as what they mean. Let
-- it run no longer than a quarter of an hour: its clock goes on for what itself reserves meanwhile. A release later the
-- two states go, expires_at, and the function `reserve` that takes seconds.
ALTER TABLE reservation DROP CONSTRAINT only_the_unheld_expire;

DROP INDEX reservation_expiring;

-- A checkout that takes a reservation over, or gives it back, has been told that the order is cancelled; that it was paid
-- before may be heard after that, and is no case for people then.
ALTER TABLE reservation ADD COLUMN order_cancelled boolean NOT NULL DEFAULT false;

UPDATE reservation
   SET state = CASE state WHEN 'held' THEN 'reserved' WHEN 'expired' THEN 'released' ELSE state END, expires_at = NULL
 WHERE state IN ('held', 'expired') OR expires_at IS NOT NULL;

-- All lines or none, with ledger and events, in one statement: run in autocommit, the server commits before it answers,
-- and the rows' locks wait for nobody's network. `made` false and `short` NULL: the id is known already.
CREATE FUNCTION reserve(
  p_id text, p_skus text[], p_quantities integer[], p_actor text, p_headers jsonb, OUT made boolean, OUT short jsonb
) LANGUAGE plpgsql AS $$
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
