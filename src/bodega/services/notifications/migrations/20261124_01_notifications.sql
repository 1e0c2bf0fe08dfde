CREATE TABLE notification (
  id          text        PRIMARY KEY,
  -- What it is about, in words of ours: an event that comes under another id is the same fact.
  fact        text        NOT NULL,
  channel     text        NOT NULL CHECK (channel IN ('mail')),
  recipient   text        NOT NULL,
  kind        text        NOT NULL,
  state       text        NOT NULL CHECK (state IN ('waiting', 'sent', 'parked', 'dropped')),
  message_id  text        NOT NULL UNIQUE,
  event_id    text        NOT NULL,
  subject_id  text        NOT NULL,  -- the order's or the customer's
  number      text,
  customer_id text,
  data        jsonb       NOT NULL,  -- as the event carried it, so that it can be sent again as it was
  resend_of   text        REFERENCES notification (id),
  attempts    integer     NOT NULL DEFAULT 0,
  last_error  text,
  created_at  timestamptz NOT NULL DEFAULT now(),
  sent_at     timestamptz,
  UNIQUE (fact, recipient, channel),
  CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notification_subject ON notification (subject_id);
CREATE INDEX notification_recipient ON notification (lower(recipient) text_pattern_ops, id DESC);
CREATE INDEX notification_number ON notification (number) WHERE number IS NOT NULL;
CREATE INDEX notification_parked ON notification (id DESC) WHERE state = 'parked';

CREATE TABLE preferences (
  customer_id    text        PRIMARY KEY,
  delivery_mails boolean     NOT NULL,
  updated_at     timestamptz NOT NULL DEFAULT now()
);
