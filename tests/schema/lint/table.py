"""The table of statements: which belongs where, each row in several spellings.

The tables they speak of are those of `tables.sql`; nothing is known of them to the lint.
"""

from __future__ import annotations

EXPAND: dict[str, list[str]] = {
    "create table": [
        "CREATE TABLE fresh (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a int CHECK (a > 0))",
        'create table if not exists "Fresh One" (id serial primary key, "x y" int unique)',
        "CREATE TABLE shop.fresh (id int REFERENCES orders, day date) PARTITION BY RANGE (day)",
        "CREATE UNLOGGED TABLE fresh (LIKE orders INCLUDING ALL)",
        "CREATE TABLE fresh AS SELECT * FROM orders WITH NO DATA",
        "/* new */ CREATE TABLE fresh (\n  a int -- one\n)",
    ],
    "add a nullable column": [
        "ALTER TABLE orders ADD COLUMN note text",
        'alter table only "public"."orders" add "Note, long" varchar(20) null',
        'ALTER TABLE IF EXISTS orders ADD COLUMN IF NOT EXISTS note text COLLATE "C"',
        "ALTER TABLE orders ADD note int[], ADD other uuid",
        "ALTER TABLE events ADD COLUMN note text",
        f"ALTER TABLE orders ADD COLUMN {'n' * 63} text",
        'ALTER TABLE "Odd ""Table" ADD COLUMN "ä b" jsonb',
    ],
    "add a column that refers to others, of NULLs only": [
        "ALTER TABLE orders ADD COLUMN customer bigint REFERENCES customers (id)",
        "alter table orders add c bigint null references customers on delete cascade",
    ],
    "add a column with a constant default": [
        "ALTER TABLE orders ADD COLUMN kind text NOT NULL DEFAULT 'plain'",
        "ALTER TABLE orders ADD COLUMN kind int DEFAULT 1 + 1",
        "ALTER TABLE orders ADD COLUMN more jsonb NOT NULL DEFAULT '{}'::jsonb",
        "ALTER TABLE orders ADD COLUMN more int[] DEFAULT ARRAY[1, 2]",
        "ALTER TABLE orders ADD COLUMN kind numeric(10, 2) DEFAULT -1.5",
        "ALTER TABLE orders ADD COLUMN kind boolean NOT NULL DEFAULT (NOT false)",
    ],
    "add a column with a stable default": [
        "ALTER TABLE orders ADD COLUMN noted timestamptz NOT NULL DEFAULT now()",
        "ALTER TABLE orders ADD COLUMN noted timestamptz DEFAULT CURRENT_TIMESTAMP",
        "ALTER TABLE orders ADD COLUMN noted timestamptz DEFAULT pg_catalog.now() + interval '1d'",
        "ALTER TABLE orders ADD COLUMN noted timestamp DEFAULT (now() AT TIME ZONE 'utc')",
        "ALTER TABLE orders ADD COLUMN by text DEFAULT current_user || '!'",
    ],
    "add a virtual generated column": [
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (total * 2) VIRTUAL",
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (total * 2)",
    ],
    "create index concurrently": [
        "CREATE INDEX CONCURRENTLY fresh_idx ON orders (total)",
        'create unique index concurrently "Fresh idx" on only public.orders using btree (id desc)',
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS fresh_idx ON orders (lower(state)) WHERE id > 1",
        "REINDEX INDEX CONCURRENTLY orders_state_idx",
        "REINDEX (CONCURRENTLY, VERBOSE) TABLE orders",
    ],
    "add a constraint, not valid": [
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT VALID",
        'ALTER TABLE ONLY "orders" ADD CHECK ("total" IS NOT NULL) NOT VALID',
        "ALTER TABLE orders ADD FOREIGN KEY (total) REFERENCES customers (id) NOT VALID",
        "ALTER TABLE orders ADD CONSTRAINT c FOREIGN KEY (total) REFERENCES customers NOT VALID "
        "DEFERRABLE INITIALLY DEFERRED",
        "ALTER TABLE orders ADD CONSTRAINT c NOT NULL state NOT VALID",
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (total > 0) NOT ENFORCED",
        "ALTER DOMAIN positive ADD CONSTRAINT c CHECK (VALUE < 1000) NOT VALID",
    ],
    "add a constraint using an index": [
        "ALTER TABLE orders ADD CONSTRAINT c UNIQUE USING INDEX orders_total_idx",
        "ALTER TABLE keyless ADD CONSTRAINT c PRIMARY KEY USING INDEX keyless_id_idx",
        'alter table "orders" add unique using index "orders_total_idx" deferrable',
    ],
    "drop not null, defaults": [
        "ALTER TABLE orders ALTER COLUMN cart DROP NOT NULL",
        "ALTER TABLE orders ALTER state SET DEFAULT 'new'",
        "ALTER TABLE orders ALTER COLUMN id SET DEFAULT 7, ALTER state SET DEFAULT random()::text",
        "ALTER TABLE orders ALTER COLUMN total DROP DEFAULT",
    ],
    "create other things": [
        "CREATE VIEW fresh AS SELECT * FROM orders",
        "CREATE OR REPLACE VIEW fresh (a, b) AS SELECT id, state FROM orders",
        "CREATE MATERIALIZED VIEW fresh AS SELECT * FROM orders WITH NO DATA",
        "CREATE FUNCTION fresh() RETURNS int LANGUAGE sql AS $$ SELECT 1; SELECT 2 $$",
        "CREATE FUNCTION fresh() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
        "CREATE OR REPLACE PROCEDURE fresh() LANGUAGE sql BEGIN ATOMIC SELECT 1; END",
        "CREATE TYPE fresh AS ENUM ('a', 'b')",
        "CREATE TYPE shop.fresh AS (a int, b text)",
        "CREATE TYPE fresh AS RANGE (subtype = int4)",
        "CREATE DOMAIN fresh AS int CHECK (VALUE > 0)",
        "CREATE SEQUENCE IF NOT EXISTS fresh AS bigint OWNED BY orders.total",
        "CREATE SCHEMA fresh",
        "CREATE STATISTICS fresh ON id, state FROM orders",
    ],
    "add an enum value": [
        "ALTER TYPE mood ADD VALUE 'fine'",
        "alter type public.\"mood\" add value if not exists 'it''s' before 'good'",
    ],
    "settings that change no row": [
        "ALTER TABLE orders SET (fillfactor = 90)",
        "ALTER TABLE orders ALTER state SET STORAGE EXTERNAL, ALTER state SET STATISTICS 500",
        "ALTER TABLE orders RESET (fillfactor), ALTER id RESET (n_distinct)",
    ],
    "grant": ["GRANT SELECT (id), INSERT ON orders TO PUBLIC"],
    "rows that are written out": [
        "INSERT INTO customers (id) VALUES (-1), (-2) ON CONFLICT DO NOTHING",
        "INSERT INTO spare DEFAULT VALUES",
    ],
    "things on a table of the same file": [
        "CREATE TABLE fresh (a int, b varchar(5)); CREATE INDEX ON fresh (a); ALTER TABLE fresh "
        "ADD PRIMARY KEY (a), ADD UNIQUE (b), ADD CHECK (a > 0), ADD FOREIGN KEY (a) REFERENCES "
        "customers (id); ALTER TABLE fresh ALTER b SET NOT NULL, ALTER b TYPE int USING 1;",
        'CREATE TABLE "F" (a int); ALTER TABLE public."F" ADD b serial, ENABLE ROW LEVEL SECURITY; '
        'CREATE POLICY p ON "F" USING (true); CREATE TRIGGER t BEFORE UPDATE ON "F" FOR EACH ROW '
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
        "CREATE TABLE fresh (a int) PARTITION BY LIST (a); CREATE TABLE f1 PARTITION OF fresh FOR "
        "VALUES IN (1); CREATE TABLE f2 (a int); ALTER TABLE fresh ATTACH PARTITION f2 DEFAULT",
        "CREATE TYPE fresh AS ENUM ('a'); ALTER TABLE orders ADD m fresh DEFAULT 'a'::fresh",
    ],
}

MIGRATE: dict[str, list[str]] = {
    "validate": [
        "ALTER TABLE orders VALIDATE CONSTRAINT total_known",
        'alter table only public."orders" validate constraint "total_known"',
    ],
    "refresh concurrently": ["REFRESH MATERIALIZED VIEW CONCURRENTLY totals"],
}

CONTRACT: dict[str, list[str]] = {
    "drop column": [
        "ALTER TABLE orders DROP COLUMN state",
        'alter table only "public".orders drop if exists "state" restrict',
        "ALTER TABLE IF EXISTS orders DROP COLUMN state CASCADE, DROP COLUMN cart",
    ],
    "drop table": [
        "DROP TABLE spare",
        'drop table if exists public."spare", other_spare restrict',
        "DROP TABLE customers CASCADE",
    ],
    "drop constraint": ["ALTER TABLE orders DROP CONSTRAINT IF EXISTS total_known"],
    "drop index concurrently": [
        "DROP INDEX CONCURRENTLY orders_state_idx",
        "drop index concurrently if exists public.orders_state_idx",
    ],
    "drop other things": [
        "DROP TYPE spare_type",
        "DROP VIEW IF EXISTS spare_view",
        "DROP MATERIALIZED VIEW totals",
        "DROP FUNCTION spare_function()",
        "DROP SEQUENCE spare_sequence",
        "DROP DOMAIN spare_domain",
        "DROP TRIGGER spare_trigger ON orders",
        "DROP SCHEMA spare_schema",
    ],
    "detach a partition": ["ALTER TABLE days DETACH PARTITION day1 CONCURRENTLY"],
}

NONE = [
    "",
    " ;; -- nothing",
    "SELECT 1",
    "SELECT count(*) FROM orders WHERE now() > at",
    "COMMENT ON COLUMN orders.state IS 'it''s the state; DROP TABLE orders'",
    "SHOW server_version",
    "ANALYZE orders (state)",
]

REFUSED: dict[str, list[str]] = {
    "add-column-check": [
        "ALTER TABLE orders ADD COLUMN note int CHECK (note > 0)",
        'alter table "orders" add "No te" int default 1 constraint "c c" check ("No te" > 0)',
    ],
    "add-column-unique": [
        "ALTER TABLE orders ADD COLUMN note int UNIQUE",
        "ALTER TABLE orders ADD note text CONSTRAINT u UNIQUE NULLS NOT DISTINCT",
    ],
    "add-column-primary": ["ALTER TABLE keyless ADD COLUMN key int DEFAULT 1 PRIMARY KEY"],
    "add-column-foreign": [
        "ALTER TABLE orders ADD COLUMN customer int DEFAULT 1 REFERENCES customers (id)",
        "alter table orders add c int not null default 1 constraint f references customers(id)",
        "ALTER TABLE orders ADD c int DEFAULT NULL REFERENCES customers",
    ],
    "add-column-volatile-default": [
        "ALTER TABLE orders ADD COLUMN note uuid DEFAULT gen_random_uuid()",
        "ALTER TABLE orders ADD COLUMN note float NOT NULL DEFAULT random()",
        "ALTER TABLE ONLY orders ADD note timestamptz DEFAULT clock_timestamp()",
        "ALTER TABLE orders ADD IF NOT EXISTS note int DEFAULT 1 + (random() * 5)::int",
        "ALTER TABLE orders ADD note bigint DEFAULT nextval('spare_sequence')",
        "ALTER TABLE orders ADD note text DEFAULT public.volatile_text()",
        "ALTER TABLE orders ADD note text DEFAULT CASE WHEN random() > 1 THEN 'a' ELSE 'b' END",
        "ALTER TABLE orders ADD plain int, ADD note text DEFAULT timeofday(), ADD other int",
    ],
    "add-column-serial": [
        "ALTER TABLE orders ADD COLUMN number serial",
        'alter table "orders" add "Num" bigserial not null',
    ],
    "add-column-identity": [
        "ALTER TABLE orders ADD COLUMN number int GENERATED BY DEFAULT AS IDENTITY",
        "ALTER TABLE orders ADD number bigint GENERATED ALWAYS AS IDENTITY (START WITH 5)",
    ],
    "add-column-generated-stored": [
        "ALTER TABLE orders ADD COLUMN twice int GENERATED ALWAYS AS (total * 2) STORED",
    ],
    "add-column-not-null": [
        "ALTER TABLE orders ADD COLUMN note text NOT NULL",
        "ALTER TABLE orders ADD note text DEFAULT NULL::text NOT NULL",
        "ALTER TABLE orders ADD t int GENERATED ALWAYS AS (total * 2) VIRTUAL NOT NULL",
    ],
    "add-column-domain": [
        "ALTER TABLE orders ADD COLUMN note positive",
        "ALTER TABLE orders ADD COLUMN note public.positive DEFAULT 1",
    ],
    "create-index": [
        "CREATE INDEX fresh_idx ON orders (total)",
        'create unique index if not exists "Fresh" on public."orders" using btree ("total" desc)',
        "CREATE INDEX ON ONLY orders (total)",
        "CREATE TABLE IF NOT EXISTS orders (id int); CREATE INDEX ON orders (id)",
        "CREATE TABLE fresh (id int); CREATE INDEX fresh_idx ON orders (total)",
    ],
    "drop-index": [
        "DROP INDEX orders_state_idx",
        "drop index if exists public.orders_state_idx, orders_total_idx restrict",
    ],
    "add-foreign-key": [
        "ALTER TABLE orders ADD CONSTRAINT f FOREIGN KEY (total) REFERENCES customers (id)",
        'alter table only "orders" add foreign key ("total") references public.customers',
    ],
    "add-check": [
        "ALTER TABLE orders ADD CONSTRAINT c CHECK (total >= 0)",
        'ALTER TABLE orders ADD COLUMN x int, ADD CHECK ("total" >= 0)',
    ],
    "add-not-null": ["ALTER TABLE orders ADD CONSTRAINT n NOT NULL total"],
    "add-unique": [
        "ALTER TABLE orders ADD CONSTRAINT u UNIQUE (id, total)",
        "ALTER TABLE ONLY orders ADD UNIQUE (id)",
    ],
    "add-primary-key": ["ALTER TABLE keyless ADD PRIMARY KEY (id)"],
    "add-exclusion": ["ALTER TABLE orders ADD EXCLUDE USING btree (id WITH =)"],
    "set-not-null": [
        "ALTER TABLE orders ALTER COLUMN total SET NOT NULL",
        'alter table only "public"."orders" alter "total" set not null',
        "ALTER TABLE orders ADD c int, ALTER c SET NOT NULL",
        "ALTER TABLE orders ADD CHECK (total IS NOT NULL) NOT VALID; "
        "ALTER TABLE orders ALTER total SET NOT NULL",
    ],
    "alter-column-type": [
        "ALTER TABLE orders ALTER COLUMN total TYPE bigint",
        "ALTER TABLE orders ALTER total SET DATA TYPE numeric USING total / 100.0",
        'alter table only "orders" alter "state" type varchar(10)',
        'ALTER TABLE orders ALTER short TYPE text COLLATE "C"',
    ],
    "rename-table": ["ALTER TABLE orders RENAME TO purchases", 'alter table "spare" rename to "S"'],
    "rename-column": [
        "ALTER TABLE orders RENAME COLUMN state TO status",
        'alter table if exists only orders rename "state" to "Sta tus"',
    ],
    "rename-enum-value": ["ALTER TYPE mood RENAME VALUE 'good' TO 'better'"],
    "rename-type": ["ALTER TYPE mood RENAME TO feeling"],
    "set-schema": ["ALTER TABLE orders SET SCHEMA shop"],
    "truncate": ["TRUNCATE spare", "truncate table only spare, other_spare restart identity"],
    "switch-trigger": [
        "ALTER TABLE orders DISABLE TRIGGER ALL",
        "ALTER TABLE orders DISABLE TRIGGER spare_trigger",
    ],
    "run-time-sql": [
        "DO $$ BEGIN EXECUTE 'DROP TABLE ' || 'spare'; END $$",
        "DO LANGUAGE plpgsql 'BEGIN NULL; END'",
        "CALL spare_procedure()",
        "PREPARE p AS SELECT 1",
        "EXPLAIN ANALYZE DELETE FROM spare",
    ],
    "update": [
        "UPDATE orders SET state = 'x'",
        "update only public.orders as o set (total, state) = (1, 'x') where o.id = 1",
    ],
    "delete": ["DELETE FROM spare", "WITH x AS (SELECT 1) DELETE FROM spare USING x"],
    "insert": [
        "INSERT INTO spare SELECT id FROM customers",
        "INSERT INTO spare (id) VALUES ((SELECT max(id) FROM customers))",
        "WITH gone AS (DELETE FROM spare RETURNING id) INSERT INTO spare VALUES (1)",
    ],
    "merge": [
        "MERGE INTO spare USING customers c ON spare.id = c.id WHEN MATCHED THEN DELETE",
    ],
    "data-change-in-with": ["WITH gone AS (DELETE FROM spare RETURNING *) SELECT 1 FROM gone"],
    "copy": ["COPY spare FROM '/dev/null'", "COPY (SELECT 1) TO PROGRAM 'true'"],
    "create-table-as": [
        "CREATE TABLE fresh AS SELECT * FROM orders",
        "SELECT * INTO fresh FROM orders",
    ],
    "vacuum": ["VACUUM FULL orders", "VACUUM (FULL, ANALYZE) orders", "VACUUM"],
    "rewrites-table": [
        "CLUSTER orders USING orders_pkey",
        "ALTER TABLE orders SET UNLOGGED",
        "ALTER TABLE spare SET LOGGED",
        "ALTER TABLE orders SET TABLESPACE pg_default",
    ],
    "lock-table": ["LOCK TABLE orders", "lock only orders in access share mode nowait"],
    "set": [
        "SET lock_timeout = '1s'",
        "set local lock_timeout to 0",
        "SET search_path TO shop, public",
        "RESET ALL",
        "SET SESSION AUTHORIZATION DEFAULT",
    ],
    "select-function": [
        "SELECT set_config('lock_timeout', '1s', false)",
        "SELECT public.volatile_text()",
        "SELECT setval('spare_sequence', 5)",
    ],
    "transaction": ["BEGIN", "COMMIT", "START TRANSACTION", "SAVEPOINT a", "ROLLBACK"],
    "reindex": ["REINDEX TABLE orders", "REINDEX (CONCURRENTLY off) INDEX orders_state_idx"],
    "refresh": ["REFRESH MATERIALIZED VIEW totals"],
    "create-trigger": [
        "CREATE TRIGGER t BEFORE UPDATE ON orders FOR EACH ROW "
        "EXECUTE FUNCTION suppress_redundant_updates_trigger()",
    ],
    "create-rule": ["CREATE RULE r AS ON DELETE TO orders DO INSTEAD NOTHING"],
    "create-policy": ["CREATE POLICY p ON orders USING (id > 5)"],
    "row-security": [
        "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE orders FORCE ROW LEVEL SECURITY",
    ],
    "inherit": ["ALTER TABLE other_spare INHERIT spare"],
    "create-partition": ["CREATE TABLE day3 PARTITION OF days FOR VALUES IN (3)"],
    "attach-partition": [
        "ALTER TABLE days ATTACH PARTITION day2 FOR VALUES IN (2)",
        "CREATE TABLE fresh (day int); ALTER TABLE days ATTACH PARTITION fresh FOR VALUES IN (4)",
    ],
    "detach-partition": ["ALTER TABLE days DETACH PARTITION day1"],
    "alter-domain": [
        "ALTER DOMAIN positive ADD CHECK (VALUE < 9999)",
        "ALTER DOMAIN positive SET NOT NULL",
    ],
    "validate-domain": ["ALTER DOMAIN positive VALIDATE CONSTRAINT below"],
    "alter-sequence": ["ALTER SEQUENCE spare_sequence RESTART WITH 5"],
    "revoke": ["REVOKE ALL ON orders FROM PUBLIC"],
    "temporary": ["CREATE TEMP TABLE orders (id int)", "CREATE TEMPORARY VIEW v AS SELECT 1"],
    "validate-with-others": [
        "ALTER TABLE orders VALIDATE CONSTRAINT total_known, ALTER total SET DEFAULT 1",
    ],
    "drop-schema": ["DROP SCHEMA spare_schema CASCADE"],
    "mixed-phases": [
        "ALTER TABLE orders ADD status text; ALTER TABLE orders DROP COLUMN state",
        "ALTER TABLE orders ADD status text, DROP COLUMN state",
        "ALTER TABLE orders ADD CHECK (total > 0) NOT VALID; "
        "ALTER TABLE orders VALIDATE CONSTRAINT orders_total_check",
    ],
    "unparsable": [
        "SELCT 1",
        "CREATE TABLE",
        "\\d orders",
        "'unfinished",
        "SELECT 1; COPY t FROM stdin;\n1\n",
    ],
    "unknown-statement": [
        "DROP OWNED BY PUBLIC",
        "ALTER SYSTEM SET fsync = off",
        "CREATE ROLE somebody",
        "CREATE DATABASE d",
        "DROP DATABASE d",
        "ALTER TABLE orders REPLICA IDENTITY NOTHING",
        "ALTER TABLE orders OWNER TO somebody",
        "ALTER TABLE orders ALTER id ADD GENERATED ALWAYS AS IDENTITY",
        "ALTER FUNCTION spare_function() STABLE",
        "CREATE OPERATOR + (LEFTARG = text, RIGHTARG = text, FUNCTION = textcat)",
        "CREATE CAST (text AS int) WITH INOUT",
        "ALTER TYPE pair ADD ATTRIBUTE c int",
        "CREATE PUBLICATION p FOR ALL TABLES",
        "LOAD 'x'",
        "CHECKPOINT",
        "DROP POLICY p ON orders",
        "REASSIGN OWNED BY a TO b",
    ],
}
