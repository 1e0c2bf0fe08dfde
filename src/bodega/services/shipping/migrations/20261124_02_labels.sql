-- Priced by the carrier, where it answers in time; the band's price is what is asked then, and what a weight needs to
-- be sent at all. What a band gives away stays free.
ALTER TABLE transit ADD COLUMN live boolean NOT NULL DEFAULT false;
UPDATE transit SET live = true WHERE option_id = 'express' AND zone_id = 'world';

-- What the carrier has answered, or that it was too slow, is kept for as long as a checkout may take: the shopper is
-- asked for what was shown, even if the carrier changes its mind or comes back in between.
CREATE TABLE carrier_quote (
  key        text        PRIMARY KEY,
  prices     jsonb       NOT NULL,  -- minor units by service; empty: the bands decide
  kept_until timestamptz NOT NULL
);
CREATE INDEX carrier_quote_kept_until ON carrier_quote (kept_until);

ALTER TABLE shipment
  ADD COLUMN label_no integer NOT NULL DEFAULT 1 CHECK (label_no > 0),
  DROP CONSTRAINT shipment_state_check,
  DROP CONSTRAINT labelled_means_bought,
  DROP CONSTRAINT only_what_is_labelled_moves,
  ADD CONSTRAINT shipment_state_check CHECK (state IN ('wanted', 'cleared', 'label_unknown', 'label_failed',
             'labelled', 'voiding', 'dropped')),
  ADD CONSTRAINT labelled_means_bought CHECK ((state IN ('labelled', 'voiding')) = (label_id IS NOT NULL)
             AND (label_id IS NULL) = (tracking_number IS NULL)),
  ADD CONSTRAINT only_what_is_labelled_moves CHECK ((state IN ('labelled', 'voiding')) = (status <> 'preparing')),
  ADD CONSTRAINT a_failure_has_its_reason CHECK (state <> 'label_failed' OR attention IS NOT NULL);

-- Labels that were given back. Their tracking numbers are in mails already: they still lead to the parcel.
CREATE TABLE voided_label (
  tracking_number text        PRIMARY KEY,
  shipment_id     text        NOT NULL REFERENCES shipment (id),
  label_id        text        NOT NULL,
  voided_at       timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX voided_label_of ON voided_label (shipment_id, voided_at);

-- What is under way knows only its order.
UPDATE flow SET data = data || jsonb_build_object('shipment_id', id, 'label_name', id)
 WHERE kind = 'fulfilment' AND state <> 'ended';
