-- Parts of Portugal and Austria with rates of their own, by the codes of checkout's territories.py. As published at the
-- end of 2025. Not where a merchant has replaced the country's rates or taken the country out.
INSERT INTO tax_rate (country, region, category, valid_from, rate)
  SELECT country, region, category, date '2025-01-01', rate
    FROM (VALUES
      ('PT', '20', 'standard', 0.16), ('PT', '20', 'food', 0.04), ('PT', '20', 'books', 0.04),
      ('PT', '30', 'standard', 0.22), ('PT', '30', 'food', 0.04), ('PT', '30', 'books', 0.04),
      ('AT', 'JM', 'standard', 0.19), ('AT', 'JM', 'food', 0.10), ('AT', 'JM', 'books', 0.10)
    ) AS known (country, region, category, rate)
    JOIN tax_country USING (country)
   WHERE version = 1;
