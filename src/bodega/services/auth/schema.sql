-- Written by `python -m bodega.platform.schemas` from the migrations. Do not edit.

CREATE TABLE account (
    id text NOT NULL,
    email text NOT NULL,
    email_key text NOT NULL,
    password_hash text NOT NULL,
    roles text[] NOT NULL,
    locale text NOT NULL,
    verified_at timestamp with time zone,
    version bigint NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    proof_due_at timestamp with time zone,
    CONSTRAINT account_password_hash_check CHECK ((password_hash ~~ '$argon2id$%'::text)),
    CONSTRAINT account_roles_check CHECK (((cardinality(roles) > 0) AND (roles <@ ARRAY['customer'::text, 'merchant'::text, 'support'::text]))),
    CONSTRAINT account_version_check CHECK ((version > 0))
);

CREATE TABLE ended_session (
    session_id text NOT NULL,
    ended_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
);

CREATE TABLE mail_link (
    event_id uuid NOT NULL,
    account_id text NOT NULL,
    purpose text NOT NULL,
    token_hash bytea,
    expires_at timestamp with time zone,
    used_at timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT mail_link_purpose_check CHECK ((purpose = ANY (ARRAY['verify'::text, 'reset'::text]))),
    CONSTRAINT minted_means_it_ends CHECK (((token_hash IS NULL) = (expires_at IS NULL)))
);

CREATE TABLE refresh_token (
    hash bytea NOT NULL,
    session_id text NOT NULL,
    replaced_at timestamp with time zone,
    sealed_successor bytea,
    CONSTRAINT only_a_replaced_token_has_a_successor CHECK (((sealed_successor IS NULL) OR (replaced_at IS NOT NULL))),
    CONSTRAINT refresh_token_hash_check CHECK ((length(hash) = 32))
);

CREATE TABLE reset_wish (
    "position" bigint NOT NULL,
    email_key text NOT NULL,
    asked_at timestamp with time zone DEFAULT now() NOT NULL
);

ALTER TABLE reset_wish ALTER COLUMN "position" ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME reset_wish_position_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE session (
    id text NOT NULL,
    account_id text NOT NULL,
    user_agent text NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    used_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);

CREATE TABLE signing_key (
    kid text NOT NULL,
    state text NOT NULL,
    public jsonb NOT NULL,
    sealed bytea NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT signing_key_public_check CHECK ((NOT (public ? 'd'::text))),
    CONSTRAINT signing_key_state_check CHECK ((state = ANY (ARRAY['next'::text, 'current'::text, 'previous'::text])))
);

CREATE TABLE throttle (
    key text NOT NULL,
    failures integer NOT NULL,
    blocked_until timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    CONSTRAINT throttle_failures_check CHECK ((failures >= 0))
);

ALTER TABLE ONLY account
    ADD CONSTRAINT account_email_key_key UNIQUE (email_key);

ALTER TABLE ONLY account
    ADD CONSTRAINT account_pkey PRIMARY KEY (id);

ALTER TABLE ONLY ended_session
    ADD CONSTRAINT ended_session_pkey PRIMARY KEY (session_id);

ALTER TABLE ONLY mail_link
    ADD CONSTRAINT mail_link_pkey PRIMARY KEY (event_id);

ALTER TABLE ONLY mail_link
    ADD CONSTRAINT mail_link_token_hash_key UNIQUE (token_hash);

ALTER TABLE ONLY refresh_token
    ADD CONSTRAINT refresh_token_pkey PRIMARY KEY (hash);

ALTER TABLE ONLY reset_wish
    ADD CONSTRAINT reset_wish_pkey PRIMARY KEY ("position");

ALTER TABLE ONLY session
    ADD CONSTRAINT session_pkey PRIMARY KEY (id);

ALTER TABLE ONLY signing_key
    ADD CONSTRAINT signing_key_pkey PRIMARY KEY (kid);

ALTER TABLE ONLY signing_key
    ADD CONSTRAINT signing_key_state_key UNIQUE (state);

ALTER TABLE ONLY throttle
    ADD CONSTRAINT throttle_pkey PRIMARY KEY (key);

CREATE INDEX account_proof_due_at ON account USING btree (proof_due_at) WHERE (proof_due_at IS NOT NULL);

CREATE INDEX ended_session_ended_at ON ended_session USING btree (ended_at);

CREATE INDEX mail_link_account ON mail_link USING btree (account_id) WHERE (used_at IS NULL);

CREATE INDEX mail_link_created_at ON mail_link USING btree (created_at);

CREATE UNIQUE INDEX refresh_token_current ON refresh_token USING btree (session_id) WHERE (replaced_at IS NULL);

CREATE INDEX refresh_token_replaced_at ON refresh_token USING btree (replaced_at) WHERE (replaced_at IS NOT NULL);

CREATE UNIQUE INDEX refresh_token_sealed ON refresh_token USING btree (session_id) WHERE (sealed_successor IS NOT NULL);

CREATE INDEX refresh_token_session ON refresh_token USING btree (session_id);

CREATE INDEX session_account ON session USING btree (account_id, used_at);

CREATE INDEX session_expires_at ON session USING btree (expires_at);

CREATE INDEX throttle_last_at ON throttle USING btree (last_at);

ALTER TABLE ONLY mail_link
    ADD CONSTRAINT mail_link_account_id_fkey FOREIGN KEY (account_id) REFERENCES account(id) ON DELETE CASCADE;

ALTER TABLE ONLY refresh_token
    ADD CONSTRAINT refresh_token_session_id_fkey FOREIGN KEY (session_id) REFERENCES session(id) ON DELETE CASCADE;

ALTER TABLE ONLY session
    ADD CONSTRAINT session_account_id_fkey FOREIGN KEY (account_id) REFERENCES account(id) ON DELETE CASCADE;
