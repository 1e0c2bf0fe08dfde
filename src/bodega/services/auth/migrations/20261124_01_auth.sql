CREATE TABLE account (
  id            text        PRIMARY KEY,
  email         text        NOT NULL,
  -- What tells mailboxes apart: case-folded, the domain in its ASCII form. Two accounts can never share one.
  email_key     text        NOT NULL UNIQUE,
  password_hash text        NOT NULL CHECK (password_hash LIKE '$argon2id$%'),
  roles         text[]      NOT NULL
                CHECK (cardinality(roles) > 0 AND roles <@ ARRAY['customer', 'merchant', 'support']),
  locale        text        NOT NULL,
  verified_at   timestamptz,
  version       bigint      NOT NULL CHECK (version > 0),
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);

-- A session that has ended is no longer here.
CREATE TABLE session (
  id         text        PRIMARY KEY,
  account_id text        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  user_agent text        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  used_at    timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz NOT NULL
);
CREATE INDEX session_account ON session (account_id, used_at);
CREATE INDEX session_expires_at ON session (expires_at);

-- Every refresh token that a session ever had, so that an old one is known for a copy however old it is.
CREATE TABLE refresh_token (
  hash             bytea       PRIMARY KEY CHECK (length(hash) = 32),
  session_id       text        NOT NULL REFERENCES session (id) ON DELETE CASCADE,
  replaced_at      timestamptz,
  sealed_successor bytea,
  CONSTRAINT only_a_replaced_token_has_a_successor CHECK (sealed_successor IS NULL OR replaced_at IS NOT NULL)
);
-- Whatever the code believes: a session has one token that can be rotated, and one predecessor that can be answered.
CREATE UNIQUE INDEX refresh_token_current ON refresh_token (session_id) WHERE replaced_at IS NULL;
CREATE UNIQUE INDEX refresh_token_sealed ON refresh_token (session_id) WHERE sealed_successor IS NOT NULL;
CREATE INDEX refresh_token_session ON refresh_token (session_id);

-- The private part is sealed under the room's secret file: a copy of these rows signs nothing.
CREATE TABLE signing_key (
  kid    text        PRIMARY KEY,
  state  text        NOT NULL UNIQUE CHECK (state IN ('next', 'current', 'previous')),
  public jsonb       NOT NULL CHECK (NOT public ? 'd'),
  sealed bytea       NOT NULL,
  since  timestamptz NOT NULL DEFAULT now()
);

-- Mails that may ask for a link with a secret. The secret is made when the mail is sent, and only its hash is here.
CREATE TABLE mail_link (
  event_id   uuid        PRIMARY KEY,
  account_id text        NOT NULL REFERENCES account (id) ON DELETE CASCADE,
  purpose    text        NOT NULL CHECK (purpose IN ('verify', 'reset')),
  token_hash bytea       UNIQUE,
  expires_at timestamptz,
  used_at    timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT minted_means_it_ends CHECK ((token_hash IS NULL) = (expires_at IS NULL))
);
CREATE INDEX mail_link_account ON mail_link (account_id) WHERE used_at IS NULL;

-- Somebody forgot a password. Written alike for any e-mail; whether there is an account is found out later.
CREATE TABLE reset_wish (
  position  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  email_key text        NOT NULL,
  asked_at  timestamptz NOT NULL DEFAULT now()
);

-- Failures in a row, by account and by address. `key` bears no e-mail, only its hash.
CREATE TABLE throttle (
  key           text        PRIMARY KEY,
  failures      integer     NOT NULL CHECK (failures >= 0),
  blocked_until timestamptz NOT NULL,
  last_at       timestamptz NOT NULL
);
CREATE INDEX throttle_last_at ON throttle (last_at);
