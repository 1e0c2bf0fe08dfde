CREATE TABLE privacy_request (
  id          text        PRIMARY KEY,
  customer_id text        NOT NULL,
  kind        text        NOT NULL CHECK (kind IN ('export', 'erase')),
  state       text        NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'refused')),
  -- Why it was refused: orders that still move.
  open_orders jsonb       NOT NULL DEFAULT '[]',
  asked_at    timestamptz NOT NULL DEFAULT now(),
  ended_at    timestamptz,
  -- Of an export's document.
  expires_at  timestamptz,
  CONSTRAINT ended_at_a_time CHECK ((state = 'running') = (ended_at IS NULL)),
  CONSTRAINT what_is_exported_expires CHECK ((expires_at IS NOT NULL) = (kind = 'export' AND state = 'done'))
);
CREATE INDEX privacy_request_customer ON privacy_request (customer_id, kind);
-- Asked for twice at once, it is one request.
CREATE UNIQUE INDEX privacy_request_one_running ON privacy_request (customer_id, kind) WHERE state = 'running';

-- What each room has told or done about it.
CREATE TABLE privacy_part (
  request_id text        NOT NULL REFERENCES privacy_request (id) ON DELETE CASCADE,
  room       text        NOT NULL,
  report     jsonb       NOT NULL,
  document   jsonb,
  at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (request_id, room)
);
