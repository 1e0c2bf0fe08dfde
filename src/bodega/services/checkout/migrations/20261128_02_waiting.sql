-- Whoever begins a checkout without paying for it keeps goods from others: how many of these one address and one e-mail
-- may have is limited. The address (of IPv6 its /64) is kept only until the checkout ends.
ALTER TABLE checkout ADD COLUMN client text;

CREATE INDEX checkout_waiting_by_client ON checkout (client) WHERE state IN ('action_required', 'declined');
CREATE INDEX checkout_waiting_by_email ON checkout (lower(contact->>'email'))
  WHERE state IN ('action_required', 'declined');
CREATE INDEX checkout_of_cart ON checkout (cart_id);
