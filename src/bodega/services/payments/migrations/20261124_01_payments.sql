-- What each order has decided about its money. Locked first by whoever touches a payment of the order. It is
-- also the tombstone: a late attempt finds the verdict here, whatever its number.
CREATE TABLE order_money (
  order_id    text    PRIMARY KEY,
  verdict     text    NOT NULL DEFAULT 'open' CHECK (verdict IN ('open', 'paid', 'cancelled')),
  payment_id  text,
  capture_due boolean NOT NULL DEFAULT false,
  sequence    bigint  NOT NULL DEFAULT 0,
  CONSTRAINT paid_names_its_payment CHECK (verdict <> 'paid' OR payment_id IS NOT NULL)
);

CREATE TABLE payment (
  id             text        PRIMARY KEY,
  order_id       text        NOT NULL REFERENCES order_money (order_id),
  checkout_id    text        NOT NULL,
  attempt        integer     NOT NULL CHECK (attempt > 0),
  currency       char(3)     NOT NULL,
  amount         bigint      NOT NULL CHECK (amount >= 0),
  payment_method text        NOT NULL,
  description    text        NOT NULL,
  return_url     text        NOT NULL,
  state          text        NOT NULL CHECK (state IN ('created', 'action_required', 'unknown', 'authorized', 'captured',
                             'capture_failed', 'declined', 'voided', 'refunded')),
  intent_id      text        UNIQUE,
  client_secret  text,
  action_url     text,
  void_wanted    boolean     NOT NULL DEFAULT false,
  closed         boolean     NOT NULL DEFAULT false,
  hint           boolean     NOT NULL DEFAULT false,
  list_first     boolean     NOT NULL DEFAULT false,
  tries          integer     NOT NULL DEFAULT 1,
  authorized     bigint      NOT NULL DEFAULT 0,
  captured       bigint      NOT NULL DEFAULT 0,
  released       bigint      NOT NULL DEFAULT 0,
  refunding      bigint      NOT NULL DEFAULT 0,
  refunded       bigint      NOT NULL DEFAULT 0,
  reason         text,
  message        text        NOT NULL DEFAULT '',
  version        bigint      NOT NULL DEFAULT 1,
  owner          text,
  lease_until    timestamptz,
  wake_at        timestamptz,
  troubles       integer     NOT NULL DEFAULT 0,
  created_at     timestamptz NOT NULL DEFAULT now(),
  updated_at     timestamptz NOT NULL DEFAULT now(),
  UNIQUE (checkout_id, attempt),
  -- Whatever the code believes: not more is taken than was promised, and not more goes back than came.
  CONSTRAINT authorized_within_amount CHECK (authorized BETWEEN 0 AND amount),
  CONSTRAINT captured_within_authorized CHECK (captured >= 0 AND released >= 0 AND captured + released <= authorized),
  CONSTRAINT refunded_within_captured CHECK (0 <= refunded AND refunded <= refunding AND refunding <= captured),
  CONSTRAINT captured_means_money CHECK (state NOT IN ('captured', 'refunded') OR captured > 0),
  CONSTRAINT money_has_an_intent CHECK (authorized = 0 OR intent_id IS NOT NULL)
);
-- One payment of an order that may still take money. A declined one counts until the processor has closed it:
-- a browser that holds its client secret can confirm it again.
CREATE UNIQUE INDEX payment_one_live ON payment (order_id)
  WHERE state NOT IN ('voided', 'refunded') AND NOT (state = 'declined' AND closed);
CREATE INDEX payment_order ON payment (order_id);
CREATE INDEX payment_due ON payment (wake_at) WHERE wake_at IS NOT NULL;

CREATE TABLE refund (
  id         text        PRIMARY KEY,
  payment_id text        NOT NULL REFERENCES payment (id),
  amount     bigint      NOT NULL CHECK (amount > 0),
  state      text        NOT NULL CHECK (state IN ('wanted', 'done', 'refused')),
  reason     text        NOT NULL DEFAULT '',
  list_first boolean     NOT NULL DEFAULT false,
  tries      integer     NOT NULL DEFAULT 1,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refund_wanted ON refund (payment_id, created_at) WHERE state = 'wanted';

-- Double entry in one row: what leaves one account enters the other, so that all accounts together are always
-- zero. `entry` names the fact, once for each payment.
CREATE TABLE ledger (
  payment_id   text        NOT NULL REFERENCES payment (id),
  entry        text        NOT NULL,
  order_id     text        NOT NULL,
  from_account text        NOT NULL CHECK (from_account IN ('shopper', 'held', 'shop')),
  to_account   text        NOT NULL CHECK (to_account IN ('shopper', 'held', 'shop')),
  amount       bigint      NOT NULL CHECK (amount > 0),
  currency     char(3)     NOT NULL,
  at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (payment_id, entry),
  CHECK (from_account <> to_account)
);
CREATE INDEX ledger_order ON ledger (order_id);

CREATE FUNCTION ledger_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only';
END $$;
CREATE TRIGGER ledger_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ledger
  FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

-- Money at the processor that no payment of ours explains.
CREATE TABLE unmatched (
  intent_id   text        PRIMARY KEY,
  payment_id  text,
  status      text        NOT NULL,
  amount      bigint      NOT NULL,
  currency    char(3)     NOT NULL,
  first_seen  timestamptz NOT NULL DEFAULT now()
);

-- Up to when the processor's list has been compared with ours.
CREATE TABLE sweep (
  provider text        PRIMARY KEY,
  until    timestamptz NOT NULL
);
