-- Who wants to be told when something is back in stock, in the order of asking.
CREATE TABLE stock_wish (
  id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  sku         text        NOT NULL,
  product_id  text        NOT NULL,  -- a SKU may come to name another product: that is not what was wanted
  email       text        NOT NULL,  -- in lower case: asking twice is one wish
  customer_id text,                  -- NULL: asked for signed out
  asked_at    timestamptz NOT NULL DEFAULT now(),
  UNIQUE (sku, product_id, email)
);
CREATE INDEX stock_wish_email ON stock_wish (email);
CREATE INDEX stock_wish_customer ON stock_wish (customer_id) WHERE customer_id IS NOT NULL;

-- What was last heard of a SKU's stock, so that asking and restocking at the same instant see each other.
CREATE TABLE stock_seen (
  sku        text    PRIMARY KEY,
  version    bigint  NOT NULL,
  available  integer NOT NULL,
  told       integer NOT NULL DEFAULT 0  -- mails since it was last sold out
);

-- Addresses that want no such mail any more.
CREATE TABLE no_stock_mail (
  recipient text        PRIMARY KEY,  -- in lower case
  at        timestamptz NOT NULL DEFAULT now()
);
