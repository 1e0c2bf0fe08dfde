-- What a message was made from, and whom it went to, goes after a while. This finds those whose time has come among all
-- that there ever were, and an hour's worth is little.
CREATE INDEX notification_body ON notification (created_at) WHERE data <> '{}';
