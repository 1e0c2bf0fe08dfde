-- Where the shop collects tax. `prices_include_tax`: the catalog's prices are gross for shoppers there; else tax
-- comes on top. To a country that is not here, goods are sent as an export, without tax.
CREATE TABLE tax_country (
  country            text        PRIMARY KEY CHECK (country ~ '^[A-Z]{2}$'),
  prices_include_tax boolean     NOT NULL,
  version            bigint      NOT NULL DEFAULT 1 CHECK (version > 0),
  updated_at         timestamptz NOT NULL DEFAULT now()
);

-- A rate holds from `valid_from` on, until the next one of the same region and category. No region: the country.
-- What has no category of its own is `standard`. `shipping`, where it is missing, is taxed as most of the goods.
CREATE TABLE tax_rate (
  country    text          NOT NULL REFERENCES tax_country (country),
  region     text          NOT NULL DEFAULT '',
  category   text          NOT NULL CHECK (category ~ '^[a-z][a-z_]{0,29}$'),
  valid_from date          NOT NULL,
  rate       numeric(6, 5) NOT NULL CHECK (rate >= 0 AND rate < 1),  -- a fraction: 0.19 is 19 %
  PRIMARY KEY (country, region, category, valid_from)
);

-- --- the first rates -------------------------------------------------------------------------------------
-- As published at the end of 2025: a start, not advice. Where a country taxes foods or books at several rates, this
-- is the one that most of them have. `valid_from` of what had not changed lately is the beginning of 2025.

INSERT INTO tax_country (country, prices_include_tax)
  SELECT country, true FROM unnest(string_to_array(
    'AT BE BG CH CY CZ DE DK EE ES FI FR GB GR HR HU IE IT LT LU LV MT NL NO PL PT RO SE SI SK', ' ')) AS country;
INSERT INTO tax_country (country, prices_include_tax) VALUES ('US', false);

INSERT INTO tax_rate (country, category, valid_from, rate)
  SELECT country, category, date '2025-01-01', percent / 100
    FROM (VALUES
      ('AT', 20.0, 10.0, 10.0), ('BE', 21.0, 6.0, 6.0), ('BG', 20.0, NULL, 9.0), ('CH', 8.1, 2.6, 2.6),
      ('CY', 19.0, 5.0, 3.0), ('CZ', 21.0, 12.0, 0.0), ('DE', 19.0, 7.0, 7.0), ('DK', 25.0, NULL, NULL),
      ('EE', 22.0, NULL, 9.0), ('ES', 21.0, 10.0, 4.0), ('FI', 25.5, 14.0, 14.0), ('FR', 20.0, 5.5, 5.5),
      ('GB', 20.0, 0.0, 0.0), ('GR', 24.0, 13.0, 6.0), ('HR', 25.0, NULL, 5.0), ('HU', 27.0, NULL, 5.0),
      ('IE', 23.0, 0.0, 0.0), ('IT', 22.0, 10.0, 4.0), ('LT', 21.0, NULL, 9.0), ('LU', 17.0, 3.0, 3.0),
      ('LV', 21.0, NULL, 5.0), ('MT', 18.0, 0.0, 5.0), ('NL', 21.0, 9.0, 9.0), ('NO', 25.0, 15.0, 0.0),
      ('PL', 23.0, 5.0, 5.0), ('PT', 23.0, 6.0, 6.0), ('RO', 19.0, 9.0, 5.0), ('SE', 25.0, 12.0, 6.0),
      ('SI', 22.0, 9.5, 5.0), ('SK', 23.0, 19.0, 5.0)
    ) AS known (country, standard, food, books),
    LATERAL (VALUES ('standard', standard), ('food', food), ('books', books)) AS each (category, percent)
   WHERE percent IS NOT NULL;

INSERT INTO tax_rate (country, category, valid_from, rate) VALUES
  ('EE', 'standard', '2025-07-01', 0.24),
  ('FI', 'food', '2026-01-01', 0.135), ('FI', 'books', '2026-01-01', 0.135),
  ('LT', 'books', '2026-01-01', 0.05),
  ('RO', 'standard', '2025-08-01', 0.21), ('RO', 'food', '2025-08-01', 0.11), ('RO', 'books', '2025-08-01', 0.11);

-- Of the United States, what the states take; counties and cities add their own. California does not tax sending
-- that is stated separately.
INSERT INTO tax_rate (country, region, category, valid_from, rate) VALUES
  ('US', 'CA', 'standard', '2025-01-01', 0.0725), ('US', 'CA', 'food', '2025-01-01', 0),
  ('US', 'CA', 'shipping', '2025-01-01', 0),
  ('US', 'FL', 'standard', '2025-01-01', 0.06), ('US', 'FL', 'food', '2025-01-01', 0),
  ('US', 'NY', 'standard', '2025-01-01', 0.04), ('US', 'NY', 'food', '2025-01-01', 0),
  ('US', 'OR', 'standard', '2025-01-01', 0),
  ('US', 'TX', 'standard', '2025-01-01', 0.0625), ('US', 'TX', 'food', '2025-01-01', 0),
  ('US', 'WA', 'standard', '2025-01-01', 0.065), ('US', 'WA', 'food', '2025-01-01', 0);
