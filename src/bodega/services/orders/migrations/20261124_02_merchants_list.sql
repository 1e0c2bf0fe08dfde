-- The merchant's list: by the state that people see, and by total.
DROP INDEX orders_state;
CREATE INDEX orders_shown_state ON orders (
  (CASE WHEN state = 'cancelled' OR refunded = 0 THEN state
        WHEN refunded >= total THEN 'refunded' ELSE 'partly_refunded' END), id DESC);
CREATE INDEX orders_total ON orders (total, id);
