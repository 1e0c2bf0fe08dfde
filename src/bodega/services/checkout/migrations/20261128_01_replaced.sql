-- The checkout that the same shopper has begun instead: its flow ends this one. While this is set, `cart_revision` bears
-- the id as well, so that the index below it, which replicas of the release before use, is free for the new one.
ALTER TABLE checkout ADD COLUMN replaced_by text;

CREATE INDEX checkout_open_of_cart ON checkout (cart_id)
  WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired');
CREATE INDEX checkout_open_of_customer ON checkout (customer_id)
  WHERE state NOT IN ('completed', 'failed', 'cancelled', 'expired') AND customer_id IS NOT NULL;
CREATE INDEX checkout_replaced_by ON checkout (replaced_by) WHERE replaced_by IS NOT NULL;
