-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

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

CREATE TABLE unsubscribed (
    recipient text NOT NULL,
    at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_fact_recipient_channel_key UNIQUE (fact, recipient, channel);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_message_id_key UNIQUE (message_id);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_pkey PRIMARY KEY (id);

ALTER TABLE ONLY preferences
    ADD CONSTRAINT preferences_pkey PRIMARY KEY (customer_id);

ALTER TABLE ONLY unsubscribed
    ADD CONSTRAINT unsubscribed_pkey PRIMARY KEY (recipient);

CREATE INDEX notification_number ON notification USING btree (number) WHERE (number IS NOT NULL);

CREATE INDEX notification_parked ON notification USING btree (id DESC) WHERE (state = 'parked'::text);

CREATE INDEX notification_recipient ON notification USING btree (lower(recipient) text_pattern_ops, id DESC);

CREATE INDEX notification_subject ON notification USING btree (subject_id);

ALTER TABLE ONLY notification
    ADD CONSTRAINT notification_resend_of_fkey FOREIGN KEY (resend_of) REFERENCES notification(id);
