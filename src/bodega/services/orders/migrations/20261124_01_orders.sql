CREATE TABLE orders (
  id               text        PRIMARY KEY,
  number           text        NOT NULL UNIQUE,
  state            text        NOT NULL
                   CHECK (state IN ('created', 'paid', 'fulfilling', 'shipped', 'delivered', 'cancelled')),
  version          bigint      NOT NULL CHECK (version > 0),
  checkout_id      text        NOT NULL UNIQUE,
  customer_id      text,
  email            text        NOT NULL,
  cart_id          text        NOT NULL,
  cart_revision    text        NOT NULL,
  reservation_id   text        NOT NULL UNIQUE,
  payment_id       text        UNIQUE,
  captured         boolean     NOT NULL DEFAULT false,
  currency         char(3)     NOT NULL,
  total            bigint      NOT NULL CHECK (total >= 0),
  refunded         bigint      NOT NULL DEFAULT 0,
  lines            jsonb       NOT NULL,
  totals           jsonb       NOT NULL,
  shipping_address jsonb       NOT NULL,
  billing_address  jsonb,
  shipping_option  text        NOT NULL,
  contact          jsonb       NOT NULL,
  carrier          text,
  tracking_number  text,
  tracking_url     text,
  attention        text,
  placed_at        timestamptz NOT NULL,
  updated_at       timestamptz NOT NULL DEFAULT now(),
  -- Whatever the code believes: nothing moves on without an accepted payment, and no more goes back than came.
  CONSTRAINT moved_on_means_paid CHECK (state IN ('created', 'cancelled') OR payment_id IS NOT NULL),
  CONSTRAINT refunded_within_total CHECK (refunded BETWEEN 0 AND total),
  CONSTRAINT captured_means_payment CHECK (NOT captured OR payment_id IS NOT NULL)
);
CREATE INDEX orders_customer ON orders (customer_id, id DESC) WHERE customer_id IS NOT NULL;
CREATE INDEX orders_guest_email ON orders (email) WHERE customer_id IS NULL;
CREATE INDEX orders_state ON orders (state, id DESC);

CREATE TABLE order_history (
  order_id   text        NOT NULL REFERENCES orders (id),
  version    bigint      NOT NULL,
  at         timestamptz NOT NULL DEFAULT now(),
  from_state text,
  to_state   text        NOT NULL,
  note       text        NOT NULL,
  cause      text        NOT NULL,
  actor      text        NOT NULL,
  PRIMARY KEY (order_id, version)
);

-- Orders that were cancelled before they were known: a late create finds its end here.
CREATE TABLE order_tombstone (
  order_id text        PRIMARY KEY,
  reason   text        NOT NULL,
  at       timestamptz NOT NULL DEFAULT now()
);
