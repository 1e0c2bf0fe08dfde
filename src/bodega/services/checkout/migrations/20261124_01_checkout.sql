CREATE TABLE checkout (
  id               text        PRIMARY KEY,
  state            text        NOT NULL
                   CHECK (state IN ('started', 'priced', 'reserved', 'ordered', 'paying', 'action_required',
                                    'declined', 'completed', 'failed', 'cancelled', 'expired')),
  cart_id          text        NOT NULL,
  cart_revision    text        NOT NULL,
  -- SHA-256 of the cart's token: whoever has it may follow the checkout. Never the token itself.
  token_digest     bytea,
  customer_id      text,
  cart_lines       jsonb       NOT NULL,
  contact          jsonb       NOT NULL,
  shipping_address jsonb       NOT NULL,
  billing_address  jsonb,
  shipping_option  text        NOT NULL,
  currency         char(3)     NOT NULL,
  expected_total   bigint      NOT NULL CHECK (expected_total >= 0),
  payment_method   text        NOT NULL,
  attempt          integer     NOT NULL DEFAULT 1 CHECK (attempt > 0),
  order_id         text        NOT NULL UNIQUE,
  reservation_id   text        NOT NULL UNIQUE,
  lines            jsonb       NOT NULL DEFAULT '[]',
  totals           jsonb,
  tax_decision     jsonb,
  order_number     text,
  order_token      text,
  next_action      jsonb,
  problem          jsonb,
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now(),
  due_at           timestamptz NOT NULL
);

-- One revision of a cart becomes one order: two tabs, two requests, two replicas end in the same checkout.
CREATE UNIQUE INDEX checkout_one_per_cart_revision ON checkout (cart_id, cart_revision)
  WHERE state NOT IN ('failed', 'cancelled', 'expired');

CREATE TABLE checkout_timeline (
  checkout_id text        NOT NULL REFERENCES checkout (id),
  position    bigint      GENERATED ALWAYS AS IDENTITY,
  at          timestamptz NOT NULL DEFAULT now(),
  state       text        NOT NULL,
  PRIMARY KEY (checkout_id, position)
);
