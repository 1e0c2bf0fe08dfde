CREATE TABLE profile (
  customer_id          text        PRIMARY KEY,
  -- 0: there is a customer, of whom nothing is known yet
  version              bigint      NOT NULL DEFAULT 0 CHECK (version >= 0),
  email                text,
  email_verified       boolean     NOT NULL DEFAULT false,
  name                 text,
  locale               text,
  marketing_opt_in     boolean     NOT NULL DEFAULT false,
  marketing_changed_at timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  -- A consent that nobody can date is none.
  CONSTRAINT consent_has_a_time CHECK (NOT marketing_opt_in OR marketing_changed_at IS NOT NULL)
);

CREATE TABLE address (
  id               text        PRIMARY KEY,
  customer_id      text        NOT NULL REFERENCES profile (customer_id) ON DELETE CASCADE,
  address          jsonb       NOT NULL,
  default_shipping boolean     NOT NULL,
  default_billing  boolean     NOT NULL,
  version          bigint      NOT NULL DEFAULT 1 CHECK (version > 0),
  created_at       timestamptz NOT NULL DEFAULT now(),
  updated_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX address_customer ON address (customer_id, id);
-- Whatever the code believes: a parcel has one place to go.
CREATE UNIQUE INDEX address_default_shipping ON address (customer_id) WHERE default_shipping;
CREATE UNIQUE INDEX address_default_billing ON address (customer_id) WHERE default_billing;
