-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE TABLE carrier_quote (
    key text NOT NULL,
    prices jsonb NOT NULL,
    kept_until timestamp with time zone NOT NULL
);

CREATE TABLE closed_day (
    day date NOT NULL,
    name text NOT NULL
);

CREATE TABLE rate_band (
    option_id text NOT NULL,
    zone_id text NOT NULL,
    up_to_grams integer NOT NULL,
    from_value bigint DEFAULT 0 NOT NULL,
    price bigint NOT NULL,
    currency character(3) NOT NULL,
    CONSTRAINT rate_band_from_value_check CHECK ((from_value >= 0)),
    CONSTRAINT rate_band_price_check CHECK ((price >= 0)),
    CONSTRAINT rate_band_up_to_grams_check CHECK ((up_to_grams > 0))
);

CREATE TABLE shipment (
    id text NOT NULL,
    order_id text NOT NULL,
    state text NOT NULL,
    status text DEFAULT 'preparing'::text NOT NULL,
    version bigint DEFAULT 1 NOT NULL,
    number text,
    option_id text,
    address jsonb,
    contact jsonb,
    weight_grams bigint,
    carrier text,
    service text,
    promised_from date,
    promised_to date,
    label_id text,
    tracking_number text,
    tracking_url text,
    filed boolean DEFAULT false NOT NULL,
    attention text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    labelled_at timestamp with time zone,
    delivered_at timestamp with time zone,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    label_no integer DEFAULT 1 NOT NULL,
    customer_id text,
    CONSTRAINT a_failure_has_its_reason CHECK (((state <> 'label_failed'::text) OR (attention IS NOT NULL))),
    CONSTRAINT delivered_at_a_time CHECK (((status = 'delivered'::text) = (delivered_at IS NOT NULL))),
    CONSTRAINT labelled_means_bought CHECK ((((state = ANY (ARRAY['labelled'::text, 'voiding'::text])) = (label_id IS NOT NULL)) AND ((label_id IS NULL) = (tracking_number IS NULL)))),
    CONSTRAINT only_what_is_labelled_moves CHECK (((state = ANY (ARRAY['labelled'::text, 'voiding'::text])) = (status <> 'preparing'::text))),
    CONSTRAINT shipment_label_no_check CHECK ((label_no > 0)),
    CONSTRAINT shipment_state_check CHECK ((state = ANY (ARRAY['wanted'::text, 'cleared'::text, 'label_unknown'::text, 'label_failed'::text, 'labelled'::text, 'voiding'::text, 'dropped'::text]))),
    CONSTRAINT shipment_status_check CHECK ((status = ANY (ARRAY['preparing'::text, 'label_created'::text, 'picked_up'::text, 'in_transit'::text, 'out_for_delivery'::text, 'delivered'::text]))),
    CONSTRAINT shipment_version_check CHECK ((version > 0)),
    CONSTRAINT tombstones_alone_are_empty CHECK (((state = 'dropped'::text) OR ((number IS NOT NULL) AND (address IS NOT NULL) AND (contact IS NOT NULL) AND (weight_grams > 0) AND (service IS NOT NULL) AND (promised_to IS NOT NULL))))
);

CREATE TABLE shipment_scan (
    id text NOT NULL,
    shipment_id text NOT NULL,
    status text NOT NULL,
    at timestamp with time zone NOT NULL,
    place text DEFAULT ''::text NOT NULL
);

CREATE TABLE shipping_option (
    id text NOT NULL,
    name text NOT NULL,
    carrier text NOT NULL,
    service text NOT NULL,
    "position" integer NOT NULL,
    CONSTRAINT shipping_option_id_check CHECK ((id ~ '^[a-z][a-z0-9-]{0,31}$'::text))
);

CREATE TABLE transit (
    option_id text NOT NULL,
    zone_id text NOT NULL,
    first_day integer NOT NULL,
    last_day integer NOT NULL,
    live boolean DEFAULT false NOT NULL,
    CONSTRAINT transit_check CHECK ((last_day >= first_day)),
    CONSTRAINT transit_first_day_check CHECK ((first_day >= 1))
);

CREATE TABLE voided_label (
    tracking_number text NOT NULL,
    shipment_id text NOT NULL,
    label_id text NOT NULL,
    voided_at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE zone (
    id text NOT NULL,
    name text NOT NULL
);

CREATE TABLE zone_country (
    country text NOT NULL,
    zone_id text NOT NULL,
    CONSTRAINT zone_country_country_check CHECK ((country ~ '^([A-Z]{2}|\*)$'::text))
);

ALTER TABLE ONLY carrier_quote
    ADD CONSTRAINT carrier_quote_pkey PRIMARY KEY (key);

ALTER TABLE ONLY closed_day
    ADD CONSTRAINT closed_day_pkey PRIMARY KEY (day);

ALTER TABLE ONLY rate_band
    ADD CONSTRAINT rate_band_pkey PRIMARY KEY (option_id, zone_id, currency, up_to_grams, from_value);

ALTER TABLE ONLY shipment
    ADD CONSTRAINT shipment_label_id_key UNIQUE (label_id);

ALTER TABLE ONLY shipment
    ADD CONSTRAINT shipment_order_id_key UNIQUE (order_id);

ALTER TABLE ONLY shipment
    ADD CONSTRAINT shipment_pkey PRIMARY KEY (id);

ALTER TABLE ONLY shipment_scan
    ADD CONSTRAINT shipment_scan_pkey PRIMARY KEY (id);

ALTER TABLE ONLY shipment
    ADD CONSTRAINT shipment_tracking_number_key UNIQUE (tracking_number);

ALTER TABLE ONLY shipping_option
    ADD CONSTRAINT shipping_option_pkey PRIMARY KEY (id);

ALTER TABLE ONLY shipping_option
    ADD CONSTRAINT shipping_option_position_key UNIQUE ("position");

ALTER TABLE ONLY transit
    ADD CONSTRAINT transit_pkey PRIMARY KEY (option_id, zone_id);

ALTER TABLE ONLY voided_label
    ADD CONSTRAINT voided_label_pkey PRIMARY KEY (tracking_number);

ALTER TABLE ONLY zone_country
    ADD CONSTRAINT zone_country_pkey PRIMARY KEY (country);

ALTER TABLE ONLY zone
    ADD CONSTRAINT zone_pkey PRIMARY KEY (id);

CREATE INDEX carrier_quote_kept_until ON carrier_quote USING btree (kept_until);

CREATE INDEX shipment_attention ON shipment USING btree (id DESC) WHERE (attention IS NOT NULL);

CREATE INDEX shipment_scan_of ON shipment_scan USING btree (shipment_id, at);

CREATE INDEX shipment_state ON shipment USING btree (state, id DESC);

CREATE INDEX voided_label_of ON voided_label USING btree (shipment_id, voided_at);

ALTER TABLE ONLY rate_band
    ADD CONSTRAINT rate_band_option_id_zone_id_fkey FOREIGN KEY (option_id, zone_id) REFERENCES transit(option_id, zone_id);

ALTER TABLE ONLY shipment_scan
    ADD CONSTRAINT shipment_scan_shipment_id_fkey FOREIGN KEY (shipment_id) REFERENCES shipment(id);

ALTER TABLE ONLY transit
    ADD CONSTRAINT transit_option_id_fkey FOREIGN KEY (option_id) REFERENCES shipping_option(id);

ALTER TABLE ONLY transit
    ADD CONSTRAINT transit_zone_id_fkey FOREIGN KEY (zone_id) REFERENCES zone(id);

ALTER TABLE ONLY voided_label
    ADD CONSTRAINT voided_label_shipment_id_fkey FOREIGN KEY (shipment_id) REFERENCES shipment(id);

ALTER TABLE ONLY zone_country
    ADD CONSTRAINT zone_country_zone_id_fkey FOREIGN KEY (zone_id) REFERENCES zone(id);
