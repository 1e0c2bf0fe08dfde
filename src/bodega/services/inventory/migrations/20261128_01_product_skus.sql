-- Which SKUs each product has, by its newest event. A SKU that changes hands is told of by two products, whose events
-- come in any order, and versions of two products cannot be compared: stock.product_id is made from this table.
-- stock.catalog_version, which compared them, is no longer read; it goes once no release writes it.
CREATE TABLE product_skus (
  product_id text PRIMARY KEY,
  version bigint NOT NULL,
  skus text[] NOT NULL
);

CREATE INDEX product_skus_by_sku ON product_skus USING gin (skus);

INSERT INTO product_skus (product_id, version, skus)
SELECT product_id, max(catalog_version), array_agg(sku ORDER BY sku)
  FROM stock WHERE product_id IS NOT NULL GROUP BY product_id;
