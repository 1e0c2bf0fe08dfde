-- Whose mailbox is proven: what is paid for with it while signed out is its owner's.
CREATE TABLE proven_mailbox (
  email       text PRIMARY KEY,  -- in lower case
  customer_id text NOT NULL
);
CREATE INDEX proven_mailbox_customer ON proven_mailbox (customer_id);
