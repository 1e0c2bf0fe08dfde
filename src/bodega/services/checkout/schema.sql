-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE TABLE checkout (
    id text NOT NULL,
    state text NOT NULL,
    cart_id text NOT NULL,
    cart_revision text NOT NULL,
    token_digest bytea,
    customer_id text,
    cart_lines jsonb NOT NULL,
    contact jsonb NOT NULL,
    shipping_address jsonb NOT NULL,
    billing_address jsonb,
    shipping_option text NOT NULL,
    currency character(3) NOT NULL,
    expected_total bigint NOT NULL,
    payment_method text NOT NULL,
    attempt integer DEFAULT 1 NOT NULL,
    order_id text NOT NULL,
    reservation_id text NOT NULL,
    lines jsonb DEFAULT '[]'::jsonb NOT NULL,
    totals jsonb,
    tax_decision jsonb,
    order_number text,
    order_token text,
    next_action jsonb,
    problem jsonb,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    due_at timestamp with time zone NOT NULL,
    replaced_by text,
    client text,
    CONSTRAINT checkout_attempt_check CHECK ((attempt > 0)),
    CONSTRAINT checkout_expected_total_check CHECK ((expected_total >= 0)),
    CONSTRAINT checkout_state_check CHECK ((state = ANY (ARRAY['started'::text, 'priced'::text, 'reserved'::text, 'ordered'::text, 'paying'::text, 'action_required'::text, 'declined'::text, 'completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])))
);

CREATE TABLE checkout_timeline (
    checkout_id text NOT NULL,
    "position" bigint NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL,
    state text NOT NULL
);

ALTER TABLE checkout_timeline ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME checkout_timeline_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE tax_country (
    country text NOT NULL,
    prices_include_tax boolean NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT tax_country_country_check CHECK ((country ~ '^[A-Z]{2}$'::text)),
    CONSTRAINT tax_country_version_check CHECK ((version > 0))
);

CREATE TABLE tax_rate (
    country text NOT NULL,
    region text DEFAULT ''::text NOT NULL,
    category text NOT NULL,
    valid_from date NOT NULL,
    rate numeric(6,5) NOT NULL,
    CONSTRAINT tax_rate_category_check CHECK ((category ~ '^[a-z][a-z_]{0,29}$'::text)),
    CONSTRAINT tax_rate_rate_check CHECK (((rate >= (0)::numeric) AND (rate < (1)::numeric)))
);

ALTER TABLE ONLY checkout
    ADD CONSTRAINT checkout_order_id_key UNIQUE (order_id);

ALTER TABLE ONLY checkout
    ADD CONSTRAINT checkout_pkey PRIMARY KEY (id);

ALTER TABLE ONLY checkout
    ADD CONSTRAINT checkout_reservation_id_key UNIQUE (reservation_id);

ALTER TABLE ONLY checkout_timeline
    ADD CONSTRAINT checkout_timeline_pkey PRIMARY KEY (checkout_id, "position");

ALTER TABLE ONLY tax_country
    ADD CONSTRAINT tax_country_pkey PRIMARY KEY (country);

ALTER TABLE ONLY tax_rate
    ADD CONSTRAINT tax_rate_pkey PRIMARY KEY (country, region, category, valid_from);

CREATE INDEX checkout_of_cart ON checkout USING btree (cart_id);

CREATE UNIQUE INDEX checkout_one_per_cart_revision ON checkout USING btree (cart_id, cart_revision) WHERE (state <> ALL (ARRAY['failed'::text, 'cancelled'::text, 'expired'::text]));

CREATE INDEX checkout_open_of_cart ON checkout USING btree (cart_id) WHERE (state <> ALL (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text]));

CREATE INDEX checkout_open_of_customer ON checkout USING btree (customer_id) WHERE ((state <> ALL (ARRAY['completed'::text, 'failed'::text, 'cancelled'::text, 'expired'::text])) AND (customer_id IS NOT NULL));

CREATE INDEX checkout_replaced_by ON checkout USING btree (replaced_by) WHERE (replaced_by IS NOT NULL);

CREATE INDEX checkout_unfinished ON checkout USING btree (updated_at) WHERE (state = ANY (ARRAY['failed'::text, 'cancelled'::text, 'expired'::text]));

CREATE INDEX checkout_waiting_by_client ON checkout USING btree (client) WHERE (state = ANY (ARRAY['action_required'::text, 'declined'::text]));

CREATE INDEX checkout_waiting_by_email ON checkout USING btree (lower((contact ->> 'email'::text))) WHERE (state = ANY (ARRAY['action_required'::text, 'declined'::text]));

ALTER TABLE ONLY checkout_timeline
    ADD CONSTRAINT checkout_timeline_checkout_id_fkey FOREIGN KEY (checkout_id) REFERENCES checkout(id);

ALTER TABLE ONLY tax_rate
    ADD CONSTRAINT tax_rate_country_fkey FOREIGN KEY (country) REFERENCES tax_country(country);
