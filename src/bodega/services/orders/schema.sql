-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE TABLE order_history (
    order_id text NOT NULL,
    version bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    from_state text,
    to_state text NOT NULL,
    note text NOT NULL,
    cause text NOT NULL,
    actor text NOT NULL
);

CREATE TABLE order_tombstone (
    order_id text NOT NULL,
    reason text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE orders (
    id text NOT NULL,
    number text NOT NULL,
    state text NOT NULL,
    version bigint NOT NULL,
    checkout_id text NOT NULL,
    customer_id text,
    email text NOT NULL,
    cart_id text NOT NULL,
    cart_revision text NOT NULL,
    reservation_id text NOT NULL,
    payment_id text,
    captured boolean DEFAULT false NOT NULL,
    currency character(3) NOT NULL,
    total bigint NOT NULL,
    refunded bigint DEFAULT 0 NOT NULL,
    lines jsonb NOT NULL,
    totals jsonb NOT NULL,
    shipping_address jsonb NOT NULL,
    billing_address jsonb,
    shipping_option text NOT NULL,
    contact jsonb NOT NULL,
    carrier text,
    tracking_number text,
    tracking_url text,
    attention text,
    placed_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    paid_at timestamp with time zone,
    promised_from date,
    promised_to date,
    CONSTRAINT captured_means_payment CHECK (((NOT captured) OR (payment_id IS NOT NULL))),
    CONSTRAINT moved_on_means_paid CHECK (((state = ANY (ARRAY['created'::text, 'cancelled'::text])) OR (payment_id IS NOT NULL))),
    CONSTRAINT orders_state_check CHECK ((state = ANY (ARRAY['created'::text, 'paid'::text, 'fulfilling'::text, 'shipped'::text, 'delivered'::text, 'cancelled'::text]))),
    CONSTRAINT orders_total_check CHECK ((total >= 0)),
    CONSTRAINT orders_version_check CHECK ((version > 0)),
    CONSTRAINT refunded_within_total CHECK (((refunded >= 0) AND (refunded <= total)))
);

CREATE TABLE proven_mailbox (
    email text NOT NULL,
    customer_id text NOT NULL
);

CREATE TABLE withdrawal (
    id text NOT NULL,
    received_at timestamp with time zone NOT NULL,
    typed_number text NOT NULL,
    name text NOT NULL,
    email text NOT NULL,
    goods text,
    order_id text,
    late boolean DEFAULT false NOT NULL
);

ALTER TABLE ONLY order_history
    ADD CONSTRAINT order_history_pkey PRIMARY KEY (order_id, version);

ALTER TABLE ONLY order_tombstone
    ADD CONSTRAINT order_tombstone_pkey PRIMARY KEY (order_id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_checkout_id_key UNIQUE (checkout_id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_number_key UNIQUE (number);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_payment_id_key UNIQUE (payment_id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_pkey PRIMARY KEY (id);

ALTER TABLE ONLY orders
    ADD CONSTRAINT orders_reservation_id_key UNIQUE (reservation_id);

ALTER TABLE ONLY proven_mailbox
    ADD CONSTRAINT proven_mailbox_pkey PRIMARY KEY (email);

ALTER TABLE ONLY withdrawal
    ADD CONSTRAINT withdrawal_pkey PRIMARY KEY (id);

CREATE INDEX orders_customer ON orders USING btree (customer_id, id DESC) WHERE (customer_id IS NOT NULL);

CREATE INDEX orders_guest_email ON orders USING btree (email) WHERE (customer_id IS NULL);

CREATE INDEX orders_shown_state ON orders USING btree ((
CASE
    WHEN ((state = 'cancelled'::text) OR (refunded = 0)) THEN state
    WHEN (refunded >= total) THEN 'refunded'::text
    ELSE 'partly_refunded'::text
END), id DESC);

CREATE INDEX orders_total ON orders USING btree (total, id);

CREATE INDEX proven_mailbox_customer ON proven_mailbox USING btree (customer_id);

CREATE INDEX withdrawal_order ON withdrawal USING btree (order_id, id) WHERE (order_id IS NOT NULL);

CREATE INDEX withdrawal_unmatched ON withdrawal USING btree (lower(email), received_at) WHERE (order_id IS NULL);

CREATE INDEX withdrawal_unmatched_since ON withdrawal USING btree (received_at) WHERE (order_id IS NULL);

ALTER TABLE ONLY order_history
    ADD CONSTRAINT order_history_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id);

ALTER TABLE ONLY withdrawal
    ADD CONSTRAINT withdrawal_order_id_fkey FOREIGN KEY (order_id) REFERENCES orders(id);
