-- What the statements of table.py speak of, with rows.
CREATE SCHEMA shop;
CREATE SCHEMA spare_schema;
CREATE DOMAIN positive AS int CONSTRAINT positive_check CHECK (VALUE > 0);
ALTER DOMAIN positive ADD CONSTRAINT below CHECK (VALUE < 100000) NOT VALID;
CREATE DOMAIN spare_domain AS int;
CREATE TYPE mood AS ENUM ('good', 'bad');
CREATE TYPE pair AS (a int, b int);
CREATE TYPE spare_type AS ENUM ('x');
CREATE SEQUENCE spare_sequence;
CREATE FUNCTION spare_function() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION volatile_text() RETURNS text LANGUAGE plpgsql AS $$ BEGIN RETURN 'x'; END $$;
CREATE PROCEDURE spare_procedure() LANGUAGE sql AS 'SELECT 1';

CREATE TABLE customers (id bigint PRIMARY KEY, size positive);
INSERT INTO customers SELECT n, n FROM generate_series(1, 1000) n;
CREATE TABLE orders (
    id int PRIMARY KEY, state text, cart int NOT NULL, total int, short varchar(5),
    price numeric(10, 2), at timestamptz, checked varchar(5) CHECK (length(checked) < 9),
    indexed varchar(5), known text CHECK (known IS NOT NULL)
);
CREATE INDEX orders_state_idx ON orders (state);
CREATE INDEX orders_short_idx ON orders (short);
CREATE INDEX orders_lower_idx ON orders (lower(indexed));
CREATE UNIQUE INDEX orders_total_idx ON orders (total);
INSERT INTO orders SELECT n, 's', n, n, 'x', 1, now(), 'c', 'i', 'k' FROM generate_series(1, 1000) n;
ALTER TABLE orders ADD CONSTRAINT total_known CHECK (total IS NOT NULL) NOT VALID;
CREATE TRIGGER spare_trigger BEFORE UPDATE ON orders FOR EACH ROW
    EXECUTE FUNCTION suppress_redundant_updates_trigger();
CREATE POLICY p ON orders;
CREATE TABLE keyless (id int NOT NULL);
CREATE UNIQUE INDEX keyless_id_idx ON keyless (id);
INSERT INTO keyless VALUES (1);
CREATE TABLE "Odd ""Table" (a int);
INSERT INTO "Odd ""Table" VALUES (1);
CREATE TABLE events (id int, day int) PARTITION BY LIST (day);
CREATE TABLE events_1 PARTITION OF events FOR VALUES IN (1);
INSERT INTO events VALUES (1, 1);
CREATE TABLE days (day int) PARTITION BY LIST (day);
CREATE TABLE day1 PARTITION OF days FOR VALUES IN (1);
CREATE TABLE other_days PARTITION OF days DEFAULT;
INSERT INTO days SELECT n FROM generate_series(5, 100) n;
CREATE TABLE day2 (day int);
INSERT INTO day2 VALUES (2);
CREATE UNLOGGED TABLE spare (id bigint);
CREATE TABLE other_spare (id bigint);
INSERT INTO spare VALUES (1);
CREATE VIEW spare_view AS SELECT 1 AS one;
CREATE MATERIALIZED VIEW totals AS SELECT total FROM orders;
CREATE UNIQUE INDEX totals_idx ON totals (total);
