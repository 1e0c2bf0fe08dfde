-- Checkouts without an order that stands go after a while. This finds them among those that have one.
CREATE INDEX checkout_unfinished ON checkout (updated_at) WHERE state IN ('failed', 'cancelled', 'expired');
