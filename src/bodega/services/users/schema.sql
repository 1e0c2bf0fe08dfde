-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE TABLE address (
    id text NOT NULL,
    customer_id text NOT NULL,
    address jsonb NOT NULL,
    default_shipping boolean NOT NULL,
    default_billing boolean NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT address_version_check CHECK ((version > 0))
);

CREATE TABLE privacy_part (
    request_id text NOT NULL,
    room text NOT NULL,
    report jsonb NOT NULL,
    document jsonb,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE privacy_request (
    id text NOT NULL,
    customer_id text NOT NULL,
    kind text NOT NULL,
    state text DEFAULT 'running'::text NOT NULL,
    open_orders jsonb DEFAULT '[]'::jsonb NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL,
    ended_at timestamp with time zone,
    expires_at timestamp with time zone,
    CONSTRAINT ended_at_a_time CHECK (((state = 'running'::text) = (ended_at IS NULL))),
    CONSTRAINT privacy_request_kind_check CHECK ((kind = ANY (ARRAY['export'::text, 'erase'::text]))),
    CONSTRAINT privacy_request_state_check CHECK ((state = ANY (ARRAY['running'::text, 'done'::text, 'refused'::text]))),
    CONSTRAINT what_is_exported_expires CHECK (((expires_at IS NOT NULL) = ((kind = 'export'::text) AND (state = 'done'::text))))
);

CREATE TABLE profile (
    customer_id text NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    email text,
    email_verified boolean DEFAULT false NOT NULL,
    name text,
    locale text,
    marketing_opt_in boolean DEFAULT false NOT NULL,
    marketing_changed_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT consent_has_a_time CHECK (((NOT marketing_opt_in) OR (marketing_changed_at IS NOT NULL))),
    CONSTRAINT profile_version_check CHECK ((version >= 0))
);

ALTER TABLE ONLY address
    ADD CONSTRAINT address_pkey PRIMARY KEY (id);

ALTER TABLE ONLY privacy_part
    ADD CONSTRAINT privacy_part_pkey PRIMARY KEY (request_id, room);

ALTER TABLE ONLY privacy_request
    ADD CONSTRAINT privacy_request_pkey PRIMARY KEY (id);

ALTER TABLE ONLY profile
    ADD CONSTRAINT profile_pkey PRIMARY KEY (customer_id);

CREATE INDEX address_customer ON address USING btree (customer_id, id);

CREATE UNIQUE INDEX address_default_billing ON address USING btree (customer_id) WHERE default_billing;

CREATE UNIQUE INDEX address_default_shipping ON address USING btree (customer_id) WHERE default_shipping;

CREATE INDEX privacy_request_customer ON privacy_request USING btree (customer_id, kind);

CREATE UNIQUE INDEX privacy_request_one_running ON privacy_request USING btree (customer_id, kind) WHERE (state = 'running'::text);

ALTER TABLE ONLY address
    ADD CONSTRAINT address_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES profile(customer_id) ON DELETE CASCADE;

ALTER TABLE ONLY privacy_part
    ADD CONSTRAINT privacy_part_request_id_fkey FOREIGN KEY (request_id) REFERENCES privacy_request(id) ON DELETE CASCADE;
