-- Text messages beside mails, to who has agreed; and guests who want no mails about arrivals.
ALTER TABLE notification DROP CONSTRAINT notification_channel_check;
ALTER TABLE notification ADD CONSTRAINT notification_channel_check CHECK (channel IN ('mail', 'sms'));

ALTER TABLE preferences
  ADD phone          text,
  ADD text_shipped   boolean NOT NULL DEFAULT false,
  ADD text_delivered boolean NOT NULL DEFAULT false,
  ADD texts_agreed_at timestamptz,   -- the consent must be provable (GDPR, article 7(1))
  ADD CONSTRAINT texts_need_a_number_and_consent
    CHECK (NOT (text_shipped OR text_delivered) OR (phone IS NOT NULL AND texts_agreed_at IS NOT NULL));

CREATE TABLE unsubscribed (
  recipient text PRIMARY KEY,   -- lower case; a guest has no preferences
  at        timestamptz NOT NULL DEFAULT now()
);
