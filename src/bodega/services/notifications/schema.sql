-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE TABLE no_stock_mail (
    recipient text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

CREATE TABLE notification (
    id text NOT NULL,
    fact text NOT NULL,
    channel text NOT NULL,
    recipient text NOT NULL,
    kind text NOT NULL,
    state text NOT NULL,
    message_id text NOT NULL,
    event_id text NOT NULL,
    subject_id text NOT NULL,
    number text,
    customer_id text,
    data jsonb NOT NULL,
    resend_of text,
    attempts integer DEFAULT 0 NOT NULL,
    last_error text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    sent_at timestamp with time zone,
    CONSTRAINT notification_channel_check CHECK ((channel = ANY (ARRAY['mail'::text, 'sms'::text]))),
    CONSTRAINT notification_check CHECK (((state = 'sent'::text) = (sent_at IS NOT NULL))),
    CONSTRAINT notification_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sent'::text, 'parked'::text, 'dropped'::text])))
);

CREATE TABLE preferences (
    customer_id text NOT NULL,
    delivery_mails boolean NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    phone text,
    text_shipped boolean DEFAULT false NOT NULL,
    text_delivered boolean DEFAULT false NOT NULL,
    texts_agreed_at timestamp with time zone,
    CONSTRAINT texts_need_a_number_and_consent CHECK (((NOT (text_shipped OR text_delivered)) OR ((phone IS NOT NULL) AND (texts_agreed_at IS NOT NULL))))
);

CREATE TABLE stock_seen (
    sku text NOT NULL,
    version bigint NOT NULL,
    available integer NOT NULL,
    told integer DEFAULT 0 NOT NULL
);

CREATE TABLE stock_wish (
    id bigint NOT NULL,
    sku text NOT NULL,
    product_id text NOT NULL,
    email text NOT NULL,
    customer_id text,
    asked_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE stock_wish ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME stock_wish_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE unsubscribed (
    recipient text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY no_stock_mail
    ADD CONSTRAINT no_stock_mail_pkey PRIMARY KEY (recipient);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_fact_recipient_channel_key UNIQUE (fact, recipient, channel);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_message_id_key UNIQUE (message_id);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY stock_seen
    ADD CONSTRAINT stock_seen_pkey PRIMARY KEY (sku);

ALTER TABLE ONLY stock_wish
    ADD CONSTRAINT stock_wish_pkey PRIMARY KEY (id);

ALTER TABLE ONLY stock_wish
    ADD CONSTRAINT stock_wish_sku_product_id_email_key UNIQUE (sku, product_id, email);

ALTER TABLE ONLY unsubscribed
    ADD CONSTRAINT unsubscribed_pkey PRIMARY KEY (recipient);

CREATE INDEX notification_body ON notification USING btree (created_at) WHERE (data <> '{}'::jsonb);

CREATE INDEX notification_number ON notification USING btree (number) WHERE (number IS NOT NULL);

CREATE INDEX notification_parked ON notification USING btree (id DESC) WHERE (state = 'parked'::text);

CREATE INDEX notification_recipient ON notification USING btree (lower(recipient) text_pattern_ops, id DESC);

CREATE INDEX notification_subject ON notification USING btree (subject_id);

CREATE INDEX stock_wish_asked_at ON stock_wish USING btree (asked_at);

CREATE INDEX stock_wish_customer ON stock_wish USING btree (customer_id) WHERE (customer_id IS NOT NULL);

CREATE INDEX stock_wish_email ON stock_wish USING btree (email);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_resend_of_fkey FOREIGN KEY (resend_of) REFERENCES notification(id);
