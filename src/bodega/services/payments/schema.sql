-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE FUNCTION ledger_is_append_only() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
  RAISE EXCEPTION 'the ledger is append-only';
END $$;

CREATE TABLE ledger (
    payment_id text NOT NULL,
    entry text NOT NULL,
    order_id text NOT NULL,
    from_account text NOT NULL,
    to_account text NOT NULL,
    amount bigint NOT NULL,
    currency character(3) NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT ledger_amount_check CHECK ((amount > 0)),
    CONSTRAINT ledger_check CHECK ((from_account <> to_account)),
    CONSTRAINT ledger_from_account_check CHECK ((from_account = ANY (ARRAY['shopper'::text, 'held'::text, 'shop'::text]))),
    CONSTRAINT ledger_to_account_check CHECK ((to_account = ANY (ARRAY['shopper'::text, 'held'::text, 'shop'::text])))
);

CREATE TABLE order_money (
    order_id text NOT NULL,
    verdict text DEFAULT 'open'::text NOT NULL,
    payment_id text,
    capture_due boolean DEFAULT false NOT NULL,
    sequence bigint DEFAULT 0 NOT NULL,
    CONSTRAINT order_money_verdict_check CHECK ((verdict = ANY (ARRAY['open'::text, 'paid'::text, 'cancelled'::text]))),
    CONSTRAINT paid_names_its_payment CHECK (((verdict <> 'paid'::text) OR (payment_id IS NOT NULL)))
);

CREATE TABLE payment (
    id text NOT NULL,
    order_id text NOT NULL,
    checkout_id text NOT NULL,
    attempt integer NOT NULL,
    currency character(3) NOT NULL,
    amount bigint NOT NULL,
    payment_method text NOT NULL,
    description text NOT NULL,
    return_url text NOT NULL,
    state text NOT NULL,
    intent_id text,
    client_secret text,
    action_url text,
    void_wanted boolean DEFAULT false NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    hint boolean DEFAULT false NOT NULL,
    list_first boolean DEFAULT false NOT NULL,
    tries integer DEFAULT 1 NOT NULL,
    authorized bigint DEFAULT 0 NOT NULL,
    captured bigint DEFAULT 0 NOT NULL,
    released bigint DEFAULT 0 NOT NULL,
    refunding bigint DEFAULT 0 NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    reason text,
    message text DEFAULT ''::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    owner text,
    lease_until timestamp with time zone,
    wake_at timestamp with time zone,
    troubles integer DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    email text,
    trace jsonb DEFAULT '{}'::jsonb NOT NULL,
    order_number text,
    CONSTRAINT authorized_within_amount CHECK (((authorized >= 0) AND (authorized <= amount))),
    CONSTRAINT captured_means_money CHECK (((state <> ALL (ARRAY['captured'::text, 'refunded'::text])) OR (captured > 0))),
    CONSTRAINT captured_within_authorized CHECK (((captured >= 0) AND (released >= 0) AND ((captured + released) <= authorized))),
    CONSTRAINT money_has_an_intent CHECK (((authorized = 0) OR (intent_id IS NOT NULL))),
    CONSTRAINT payment_amount_check CHECK ((amount >= 0)),
    CONSTRAINT payment_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT payment_state_check CHECK ((state = ANY (ARRAY['created'::text, 'action_required'::text, 'unknown'::text, 'authorized'::text, 'captured'::text, 'capture_failed'::text, 'declined'::text, 'voided'::text, 'refunded'::text]))),
    CONSTRAINT refunded_within_captured CHECK (((0 <= refunded) AND (refunded <= refunding) AND (refunding <= captured)))
);

CREATE TABLE refund (
    id text NOT NULL,
    payment_id text NOT NULL,
    amount bigint NOT NULL,
    state text NOT NULL,
    reason text DEFAULT ''::text NOT NULL,
    list_first boolean DEFAULT false NOT NULL,
    tries integer DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT refund_amount_check CHECK ((amount > 0)),
    CONSTRAINT refund_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'done'::text, 'refused'::text])))
);

CREATE TABLE sweep (
    provider text NOT NULL,
    until timestamp with time zone NOT NULL
);

CREATE TABLE unmatched (
    intent_id text NOT NULL,
    payment_id text,
    status text NOT NULL,
    amount bigint NOT NULL,
    currency character(3) NOT NULL,
    first_seen timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY ledger
    ADD CONSTRAINT ledger_pkey PRIMARY KEY (payment_id, entry);

ALTER TABLE ONLY order_money
    ADD CONSTRAINT order_money_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY payment
    ADD CONSTRAINT payment_checkout_id_attempt_key UNIQUE (checkout_id, attempt);

ALTER TABLE ONLY payment
    ADD CONSTRAINT payment_intent_id_key UNIQUE (intent_id);

ALTER TABLE ONLY payment
    ADD CONSTRAINT payment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY refund
    ADD CONSTRAINT refund_pkey PRIMARY KEY (id);

ALTER TABLE ONLY sweep
    ADD CONSTRAINT sweep_pkey PRIMARY KEY (provider);

ALTER TABLE ONLY unmatched
    ADD CONSTRAINT unmatched_pkey PRIMARY KEY (intent_id);

CREATE INDEX ledger_order ON ledger USING btree (order_id);

CREATE INDEX payment_due ON payment USING btree (wake_at) WHERE (wake_at IS NOT NULL);

CREATE UNIQUE INDEX payment_one_live ON payment USING btree (order_id) WHERE ((state <> ALL (ARRAY['voided'::text, 'refunded'::text])) AND (NOT ((state = 'declined'::text) AND closed)));

CREATE INDEX payment_order ON payment USING btree (order_id);

CREATE INDEX payment_order_number ON payment USING btree (order_number);

CREATE INDEX refund_wanted ON refund USING btree (payment_id, created_at) WHERE (state = 'wanted'::text);

CREATE TRIGGER ledger_append_only BEFORE DELETE OR UPDATE OR TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION ledger_is_append_only();

ALTER TABLE ONLY ledger
    ADD CONSTRAINT ledger_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment(id);

ALTER TABLE ONLY payment
    ADD CONSTRAINT payment_order_id_fkey FOREIGN KEY (order_id) REFERENCES order_money(order_id);

ALTER TABLE ONLY refund
    ADD CONSTRAINT refund_payment_id_fkey FOREIGN KEY (payment_id) REFERENCES payment(id);
