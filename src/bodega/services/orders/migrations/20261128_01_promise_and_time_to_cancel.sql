-- What the buyer is shown: when it was paid, which begins the time to cancel, and when it was promised to arrive.
ALTER TABLE orders
  ADD COLUMN paid_at timestamptz,       -- NULL also for orders that were paid before this column was there
  ADD COLUMN promised_from date,        -- NULL: the checkout did not say
  ADD COLUMN promised_to date;
