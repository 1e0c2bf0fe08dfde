-- Whose order it is, if it is a customer's: told with the parcel, so that nobody has to look for it elsewhere.
ALTER TABLE shipment ADD COLUMN customer_id text;
