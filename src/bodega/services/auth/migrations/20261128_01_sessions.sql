-- Sessions that have ended while an access token of theirs may still be good. Every service asks for them.
CREATE TABLE ended_session (
    session_id text PRIMARY KEY,
    ended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE INDEX ended_session_ended_at ON ended_session (ended_at);

-- When a mailbox that a new password has proven is told to be so: once every service knows which sessions that ended.
ALTER TABLE account ADD COLUMN proof_due_at timestamptz;

CREATE INDEX account_proof_due_at ON account (proof_due_at) WHERE proof_due_at IS NOT NULL;
