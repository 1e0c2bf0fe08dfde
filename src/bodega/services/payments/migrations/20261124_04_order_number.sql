-- What people call the order. Payments of before have it in their description.
ALTER TABLE payment ADD COLUMN order_number text;
UPDATE payment SET order_number = substring(description FROM 'BDG-[0-9A-Z]{4}-[0-9A-Z]{4}');
CREATE INDEX payment_order_number ON payment (order_number);
