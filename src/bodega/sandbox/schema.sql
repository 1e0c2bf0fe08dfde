-- The sandbox's memory. One file, one writer (the process's only thread), WAL: what is committed survives kill -9.
-- `doc` holds the whole object as JSON; the columns beside it are what is searched or must never be wrong.

CREATE TABLE IF NOT EXISTS payment_intents (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('requires_payment_method', 'requires_confirmation', 'requires_action',
                                           'requires_capture', 'succeeded', 'canceled')),
    currency TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    amount_capturable INTEGER NOT NULL CHECK (amount_capturable >= 0),
    amount_received INTEGER NOT NULL CHECK (amount_received >= 0),
    customer TEXT,
    payment_id TEXT,
    doc TEXT NOT NULL,
    CHECK (amount_capturable + amount_received <= amount)
);
CREATE INDEX IF NOT EXISTS payment_intents_by_time ON payment_intents (created);
CREATE INDEX IF NOT EXISTS payment_intents_held ON payment_intents (created) WHERE status = 'requires_capture';

CREATE TABLE IF NOT EXISTS charges (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    payment_intent TEXT NOT NULL REFERENCES payment_intents (id),
    status TEXT NOT NULL CHECK (status IN ('succeeded', 'failed')),
    amount INTEGER NOT NULL CHECK (amount > 0),
    amount_captured INTEGER NOT NULL CHECK (amount_captured >= 0),
    amount_refunded INTEGER NOT NULL CHECK (amount_refunded >= 0),
    doc TEXT NOT NULL,
    CHECK (amount_captured <= amount),
    CHECK (amount_refunded <= amount)
);
-- A payment intent can take money once.
CREATE UNIQUE INDEX IF NOT EXISTS charges_one_that_succeeds ON charges (payment_intent) WHERE status = 'succeeded';

CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    charge TEXT NOT NULL REFERENCES charges (id),
    payment_intent TEXT NOT NULL REFERENCES payment_intents (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS refunds_by_intent ON refunds (payment_intent);

CREATE TABLE IF NOT EXISTS payment_methods (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    doc TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    created INTEGER NOT NULL,
    type TEXT NOT NULL,
    doc TEXT NOT NULL
);

-- Double entry: the postings of one journal sum to zero. A journal is named after what it books
-- (capture:ch_…), so the same thing cannot be booked twice.
CREATE TABLE IF NOT EXISTS ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    journal TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('authorise', 'capture', 'void', 'refund')),
    account TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount <> 0),
    currency TEXT NOT NULL,
    payment_intent TEXT NOT NULL REFERENCES payment_intents (id),
    created INTEGER NOT NULL,
    UNIQUE (journal, account)
);
CREATE INDEX IF NOT EXISTS ledger_by_intent ON ledger (payment_intent);

CREATE TABLE IF NOT EXISTS idempotency_keys (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    status INTEGER NOT NULL,
    body TEXT NOT NULL,
    request_id TEXT NOT NULL,
    created REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS idempotency_keys_by_age ON idempotency_keys (created);

CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    sender TEXT NOT NULL CHECK (sender IN ('processor', 'carrier')),
    event_id TEXT NOT NULL,
    type TEXT NOT NULL,
    body TEXT NOT NULL,
    created REAL NOT NULL,
    next_at REAL,               -- null: delivered, or given up
    attempts INTEGER NOT NULL DEFAULT 0,
    delivered_at REAL,
    last_answer TEXT
);
CREATE INDEX IF NOT EXISTS deliveries_due ON deliveries (next_at) WHERE next_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS faults (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    remaining INTEGER,          -- null: until deleted
    taken INTEGER NOT NULL DEFAULT 0,
    doc TEXT NOT NULL
);

CREATE TABLE IF NOT EXISTS labels (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tracking TEXT NOT NULL UNIQUE,
    reference TEXT NOT NULL,
    idempotency_key TEXT UNIQUE,
    fingerprint TEXT NOT NULL,
    status TEXT NOT NULL,
    created REAL NOT NULL,
    next_scan_at REAL,          -- null: moves only when pushed, or has arrived
    doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS labels_by_reference ON labels (reference);
CREATE INDEX IF NOT EXISTS labels_due ON labels (next_scan_at) WHERE next_scan_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS scans (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tracking TEXT NOT NULL REFERENCES labels (tracking),
    status TEXT NOT NULL,
    at REAL NOT NULL,
    UNIQUE (tracking, status)
);

CREATE TABLE IF NOT EXISTS mails (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    received REAL NOT NULL,
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,   -- JSON list, of the envelope
    subject TEXT NOT NULL,
    message_id TEXT NOT NULL,
    raw BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS mails_by_message_id ON mails (message_id);

CREATE TABLE IF NOT EXISTS texts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    account TEXT NOT NULL,
    created REAL NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    body TEXT NOT NULL
);
