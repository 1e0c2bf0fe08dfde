-- What can be chosen. `service` is the carrier's name for it.
CREATE TABLE shipping_option (
  id       text    PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{0,31}$'),
  name     text    NOT NULL,
  carrier  text    NOT NULL,
  service  text    NOT NULL,
  position integer NOT NULL UNIQUE
);

CREATE TABLE zone (
  id   text PRIMARY KEY,
  name text NOT NULL
);

-- The shop's own country is always in the zone `domestic`. '*' stands for all that are not listed:
-- without that row nothing is sent there.
CREATE TABLE zone_country (
  country text PRIMARY KEY CHECK (country ~ '^([A-Z]{2}|\*)$'),
  zone_id text NOT NULL REFERENCES zone (id)
);

-- How many working days a parcel is under way, once it has left.
CREATE TABLE transit (
  option_id text    NOT NULL REFERENCES shipping_option (id),
  zone_id   text    NOT NULL REFERENCES zone (id),
  first_day integer NOT NULL CHECK (first_day >= 1),
  last_day  integer NOT NULL,
  PRIMARY KEY (option_id, zone_id),
  CHECK (last_day >= first_day)
);

-- The price of one parcel that weighs up to `up_to_grams`, in an order whose goods are worth `from_value` or more.
CREATE TABLE rate_band (
  option_id   text    NOT NULL,
  zone_id     text    NOT NULL,
  up_to_grams integer NOT NULL CHECK (up_to_grams > 0),
  from_value  bigint  NOT NULL DEFAULT 0 CHECK (from_value >= 0),
  price       bigint  NOT NULL CHECK (price >= 0),
  currency    char(3) NOT NULL,
  PRIMARY KEY (option_id, zone_id, currency, up_to_grams, from_value),
  FOREIGN KEY (option_id, zone_id) REFERENCES transit (option_id, zone_id)
);

-- Working days on which nothing is handed over or delivered.
CREATE TABLE closed_day (
  day  date PRIMARY KEY,
  name text NOT NULL
);

CREATE TABLE shipment (
  id              text        PRIMARY KEY,
  order_id        text        NOT NULL UNIQUE,  -- the promise of one label for an order begins here
  state           text        NOT NULL
                  CHECK (state IN ('wanted', 'cleared', 'label_unknown', 'labelled', 'dropped')),
  status          text        NOT NULL DEFAULT 'preparing'
                  CHECK (status IN ('preparing', 'label_created', 'picked_up', 'in_transit', 'out_for_delivery',
                                    'delivered')),
  version         bigint      NOT NULL DEFAULT 1 CHECK (version > 0),
  -- What was ordered. Empty in a tombstone: an order that was cancelled before it was heard of.
  number          text,
  option_id       text,
  address         jsonb,
  contact         jsonb,
  weight_grams    bigint,
  carrier         text,
  service         text,
  promised_from   date,
  promised_to     date,
  -- What was bought.
  label_id        text        UNIQUE,
  tracking_number text        UNIQUE,
  tracking_url    text,
  filed           boolean     NOT NULL DEFAULT false,
  attention       text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  labelled_at     timestamptz,
  delivered_at    timestamptz,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  CONSTRAINT tombstones_alone_are_empty CHECK (state = 'dropped' OR (number IS NOT NULL AND address IS NOT NULL
             AND contact IS NOT NULL AND weight_grams > 0 AND service IS NOT NULL AND promised_to IS NOT NULL)),
  CONSTRAINT labelled_means_bought CHECK ((state = 'labelled') = (label_id IS NOT NULL)
             AND (label_id IS NULL) = (tracking_number IS NULL)),
  CONSTRAINT only_what_is_labelled_moves CHECK ((state = 'labelled') = (status <> 'preparing')),
  CONSTRAINT delivered_at_a_time CHECK ((status = 'delivered') = (delivered_at IS NOT NULL))
);
CREATE INDEX shipment_state ON shipment (state, id DESC);
CREATE INDEX shipment_attention ON shipment (id DESC) WHERE attention IS NOT NULL;

CREATE TABLE shipment_scan (
  id          text        PRIMARY KEY,  -- the carrier's: a scan that is told twice is one
  shipment_id text        NOT NULL REFERENCES shipment (id),
  status      text        NOT NULL,
  at          timestamptz NOT NULL,
  place       text        NOT NULL DEFAULT ''
);
CREATE INDEX shipment_scan_of ON shipment_scan (shipment_id, at);

-- --- the shop's first tables -----------------------------------------------------------------------------

INSERT INTO shipping_option (id, name, carrier, service, position) VALUES
  ('standard', 'Standard', 'Sandbox Parcel', 'standard', 1),
  ('express', 'Express', 'Sandbox Parcel', 'express', 2);

INSERT INTO zone (id, name) VALUES
  ('domestic', 'Domestic'), ('eu', 'European Union'), ('world', 'Rest of the world');

INSERT INTO zone_country (country, zone_id)
  SELECT country, 'eu' FROM unnest(string_to_array(
    'AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK', ' ')) AS country;
INSERT INTO zone_country (country, zone_id) VALUES ('*', 'world');

INSERT INTO transit (option_id, zone_id, first_day, last_day) VALUES
  ('standard', 'domestic', 1, 2), ('standard', 'eu', 3, 5), ('standard', 'world', 7, 12),
  ('express', 'domestic', 1, 1), ('express', 'eu', 2, 2), ('express', 'world', 3, 4);

INSERT INTO rate_band (option_id, zone_id, up_to_grams, from_value, price, currency)
  SELECT option_id, zone_id, grams, 0, base + step * place, 'EUR'
    FROM (VALUES ('standard', 'domestic', 490, 200), ('standard', 'eu', 990, 400), ('standard', 'world', 1990, 1000),
                 ('express', 'domestic', 990, 300), ('express', 'eu', 1990, 800), ('express', 'world', 3990, 2000))
         AS price (option_id, zone_id, base, step),
         (VALUES (2000, 0), (5000, 1), (10000, 2), (30000, 4)) AS band (grams, place);
-- Free above an amount, where that is usual: at home and in the Union, as long as one can carry it.
INSERT INTO rate_band (option_id, zone_id, up_to_grams, from_value, price, currency)
  SELECT 'standard', zone_id, grams, from_value, 0, 'EUR'
    FROM (VALUES ('domestic', 5000), ('eu', 15000)) AS free (zone_id, from_value),
         (VALUES (2000), (5000), (10000)) AS band (grams);

-- Germany's holidays that all its states share; those that move are counted from Easter Sunday.
INSERT INTO closed_day (day, name)
  SELECT make_date(year, month, day), name
    FROM generate_series(2026, 2036) AS year,
         (VALUES (1, 1, 'New Year'), (5, 1, 'Labour Day'), (10, 3, 'German Unity Day'),
                 (12, 25, 'Christmas Day'), (12, 26, 'Second Day of Christmas')) AS fixed (month, day, name);
INSERT INTO closed_day (day, name)
  SELECT easter + after, name
    FROM (VALUES (date '2026-04-05'), (date '2027-03-28'), (date '2028-04-16'), (date '2029-04-01'),
                 (date '2030-04-21')) AS year (easter),
         (VALUES (-2, 'Good Friday'), (1, 'Easter Monday'), (39, 'Ascension Day'), (50, 'Whit Monday'))
         AS moving (after, name);
