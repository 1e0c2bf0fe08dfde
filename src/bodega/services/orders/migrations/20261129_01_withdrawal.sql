-- Statements of withdrawal (Directive 2011/83/EU, Article 11a), kept as evidence: as typed, and when.
CREATE TABLE withdrawal (
  id           text        PRIMARY KEY,
  received_at  timestamptz NOT NULL,
  typed_number text        NOT NULL,
  name         text        NOT NULL,
  email        text        NOT NULL,
  goods        text,                                 -- NULL: the whole order
  order_id     text        REFERENCES orders (id),   -- NULL: number and address match none
  late         boolean     NOT NULL DEFAULT false
);
CREATE INDEX withdrawal_order ON withdrawal (order_id, id) WHERE order_id IS NOT NULL;
CREATE INDEX withdrawal_unmatched ON withdrawal (lower(email), received_at) WHERE order_id IS NULL;
