-- Statements of withdrawal that nobody could find an order for go after a while. Anybody may send such, so there may be
-- many, and the index by address and time does not find the oldest of all addresses.
CREATE INDEX withdrawal_unmatched_since ON withdrawal (received_at) WHERE order_id IS NULL;
