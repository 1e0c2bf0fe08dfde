-- What nothing can refer to any more is looked for every hour: by these among all that there is.
CREATE INDEX refresh_token_replaced_at ON refresh_token (replaced_at) WHERE replaced_at IS NOT NULL;
CREATE INDEX mail_link_created_at ON mail_link (created_at);
