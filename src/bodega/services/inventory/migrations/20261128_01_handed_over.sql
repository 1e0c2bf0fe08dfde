-- As before, and units may pass from one reservation to another: `handed_over`, by SKU the difference of what the two set
-- aside, negative if the new one needs fewer.
CREATE OR REPLACE FUNCTION move_stock(
  p_movement text, p_reservation_id text, p_skus text[], p_quantities integer[], p_reason text, p_actor text,
  p_headers jsonb
) RETURNS void LANGUAGE plpgsql AS $$
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
