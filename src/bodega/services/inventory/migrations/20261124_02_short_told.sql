-- A foreign key takes a share of the stock's row. Who finds a SKU short before he has its lock would wait for who has
-- it, and the latter for the former's row here: a circle. Stock rows are never deleted, so the key protects nothing.
ALTER TABLE short_told DROP CONSTRAINT short_told_sku_fkey;
