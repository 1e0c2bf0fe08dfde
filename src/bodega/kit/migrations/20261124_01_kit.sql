-- What the kit keeps in the database of every service that has one.

CREATE TABLE outbox (
  position   bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  event_id   uuid        NOT NULL UNIQUE,
  topic      text        NOT NULL,
  key        text        NOT NULL,
  body       bytea       NOT NULL,
  headers    jsonb       NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE inbox (
  consumer    text        NOT NULL,
  event_id    uuid        NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (consumer, event_id)
);
CREATE INDEX inbox_received_at ON inbox (received_at);

-- A message that cannot be handled, and those of the same key behind it, in the order in which they came.
CREATE TABLE parked (
  position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  consumer  text        NOT NULL,
  event_id  text        NOT NULL,
  topic     text        NOT NULL,
  key       text        NOT NULL,
  body      bytea       NOT NULL,
  headers   jsonb       NOT NULL DEFAULT '{}',
  reason    text        NOT NULL,
  parked_at timestamptz NOT NULL DEFAULT now(),
  UNIQUE (consumer, topic, event_id)
);
CREATE INDEX parked_key ON parked (consumer, topic, key);

CREATE TABLE idempotency_key (
  scope       text        NOT NULL,
  key         text        NOT NULL,
  fingerprint bytea       NOT NULL,
  resource_id text,
  status      integer,
  headers     jsonb,
  body        bytea,
  created_at  timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_key_created_at ON idempotency_key (created_at);

CREATE TABLE flow (
  id          text        NOT NULL PRIMARY KEY,
  kind        text        NOT NULL,
  state       text        NOT NULL CHECK (state IN ('running', 'waiting', 'ended')),
  step        text        NOT NULL,
  attempts    integer     NOT NULL DEFAULT 0,
  owner       text,
  epoch       bigint      NOT NULL DEFAULT 0,
  lease_until timestamptz,
  wake_at     timestamptz NOT NULL DEFAULT now(),
  due_at      timestamptz,
  data        jsonb       NOT NULL,
  created_at  timestamptz NOT NULL DEFAULT now(),
  updated_at  timestamptz NOT NULL DEFAULT now()
);
-- What may be claimed: neither ended nor leased. Small, however many flows have ended.
CREATE INDEX flow_claimable ON flow (kind, wake_at) WHERE state <> 'ended';
