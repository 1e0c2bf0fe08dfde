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

ALTER TABLE ONLY profile
    ADD CONSTRAINT profile_pkey PRIMARY KEY (customer_id);

CREATE INDEX address_customer ON address USING btree (customer_id, id);

CREATE UNIQUE INDEX address_default_billing ON address USING btree (customer_id) WHERE default_billing;

CREATE UNIQUE INDEX address_default_shipping ON address USING btree (customer_id) WHERE default_shipping;

ALTER TABLE ONLY address
    ADD CONSTRAINT address_customer_id_fkey FOREIGN KEY (customer_id) REFERENCES profile(customer_id) ON DELETE CASCADE;
