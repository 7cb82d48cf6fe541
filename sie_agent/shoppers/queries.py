"""The SQL of the behaviour features: what each shopper had done by each event, and what a row saw of it.

Every table of sums is made by windows over a shopper's events in the order of time, and a row takes the last entry
*strictly before* its own time (``ASOF JOIN … ON rows.t > sums.t``). A window's RANGE takes events at one time together,
so that their order in the file is of no matter.
"""

from __future__ import annotations

from sie_agent.shoppers.names import KINDS, SESSION_GAP, WINDOWS

DAY = 86_400_000_000
GAP = int(SESSION_GAP * 1_000_000)
BEFORE = "RANGE BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"

TABLES = """
CREATE TABLE raw_rows(n BIGINT, shopper VARCHAR, item VARCHAR, t BIGINT, query VARCHAR);
CREATE TABLE events(u BIGINT, i BIGINT, t BIGINT, kind TINYINT, query VARCHAR, department VARCHAR, brand VARCHAR,
    band INTEGER);
CREATE TABLE item_facts(i BIGINT, t BIGINT, department VARCHAR, brand VARCHAR, band INTEGER);
CREATE TABLE catalogue(item VARCHAR, department VARCHAR, brand VARCHAR, band INTEGER);
"""

CODES = """
CREATE TABLE shoppers AS SELECT shopper, row_number() OVER () AS u
    FROM (SELECT DISTINCT shopper FROM raw_rows WHERE shopper <> '' AND t IS NOT NULL);
CREATE TABLE items AS SELECT item, row_number() OVER () AS i FROM (SELECT DISTINCT item FROM raw_rows);
"""

# `chunk` is what was read
EVENTS = """
INSERT INTO events SELECT s.u, k.i, c.time, c.kind, nullif(c.query, ''),
    coalesce(g.department, nullif(c.department, '')), coalesce(g.brand, nullif(c.brand, '')),
    coalesce(g.band, CASE WHEN c.price > 0 THEN floor(log2(c.price))::INTEGER END)
    FROM chunk c JOIN shoppers s ON s.shopper = c.user_id LEFT JOIN items k ON k.item = c.item_id
    LEFT JOIN catalogue g ON g.item = c.item_id;
INSERT INTO item_facts SELECT k.i, c.time, max(nullif(c.department, '')), max(nullif(c.brand, '')),
    max(CASE WHEN c.price > 0 THEN floor(log2(c.price))::INTEGER END)
    FROM chunk c JOIN items k ON k.item = c.item_id
    WHERE c.department <> '' OR c.brand <> '' OR c.price > 0 GROUP BY k.i, c.time;
"""

# what was known of an item at each time at which events told something of it
FACTS = """
CREATE TABLE facts AS SELECT i, t,
    last_value(department IGNORE NULLS) OVER w AS department, last_value(brand IGNORE NULLS) OVER w AS brand,
    last_value(band IGNORE NULLS) OVER w AS band
    FROM (SELECT i, t, max(department) AS department, max(brand) AS brand, max(band) AS band
          FROM item_facts GROUP BY i, t)
    WINDOW w AS (PARTITION BY i ORDER BY t ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW);
DROP TABLE item_facts;
CREATE TABLE told AS SELECT r.n, s.u, k.i, r.t, r.query,
    coalesce(g.department, f.department) AS department, coalesce(g.brand, f.brand) AS brand,
    coalesce(g.band, f.band) AS band
    FROM (SELECT n, shopper, item, t, query, i FROM raw_rows JOIN items USING (item)) r
    JOIN items k ON k.i = r.i
    LEFT JOIN shoppers s ON s.shopper = r.shopper AND r.t IS NOT NULL
    LEFT JOIN catalogue g ON g.item = r.item
    ASOF LEFT JOIN facts f ON f.i = r.i AND r.t > f.t;
DROP TABLE raw_rows;
"""

SESSIONS = f"""
CREATE TABLE in_sessions AS
    SELECT *, sum(begins) OVER (PARTITION BY u ORDER BY t {BEFORE}) AS session
    FROM (SELECT *, CASE WHEN t - lag(t) OVER (PARTITION BY u ORDER BY t) > {GAP} THEN 1 ELSE 0 END AS begins
          FROM events);
"""

SUMS = f"""
CREATE TABLE sums AS SELECT DISTINCT u, t, session,
    count(*) OVER w AS events, count(department) OVER w AS departments, count(brand) OVER w AS brands,
    count(band) OVER w AS bands,
    count(*) FILTER (kind = 1) OVER w AS views, count(*) FILTER (kind = 2) OVER w AS carts,
    count(*) FILTER (kind = 3) OVER w AS purchases,
    max(t) FILTER (kind = 1) OVER w AS last_view, max(t) FILTER (kind = 2) OVER w AS last_cart,
    max(t) FILTER (kind = 3) OVER w AS last_purchase,
    count(*) OVER s AS session_events, min(t) OVER s AS session_start,
    count(*) FILTER (kind >= 2) OVER s AS session_carts, sum(new_department) OVER s AS session_departments
    FROM (SELECT *, CASE WHEN department IS NOT NULL AND row_number() OVER
              (PARTITION BY u, session, department ORDER BY t) = 1 THEN 1 ELSE 0 END AS new_department FROM in_sessions)
    WINDOW w AS (PARTITION BY u ORDER BY t {BEFORE}), s AS (PARTITION BY u, session ORDER BY t {BEFORE});
CREATE TABLE item_sums AS SELECT DISTINCT u, i, t, count(*) OVER w AS events,
    count(*) FILTER (kind = 3) OVER w AS purchases, max(t) FILTER (kind = 3) OVER w AS last_purchase
    FROM events WHERE i IS NOT NULL WINDOW w AS (PARTITION BY u, i ORDER BY t {BEFORE});
CREATE TABLE searches AS SELECT u, t, session, max(query) AS query FROM in_sessions WHERE query IS NOT NULL
    GROUP BY u, t, session;
"""


def affinity_sums(fact: str) -> str:
    """Events of a shopper so far with each department, brand or price band."""
    return f"""CREATE TABLE {fact}_sums AS SELECT DISTINCT u, {fact}, t,
    count(*) OVER (PARTITION BY u, {fact} ORDER BY t {BEFORE}) AS events FROM events WHERE {fact} IS NOT NULL;"""


def since(column: str) -> str:
    """Days from a time to that of the row."""
    return f"(r.t - {column}) / {DAY}.0"


def result() -> str:
    """A row for each row of the samples, in their order: all features, NULL where one is not known."""
    active, there = f"r.t - b.t <= {GAP}", "WHEN r.u IS NOT NULL THEN"
    names = ("events", "views", "carts", "purchases")
    columns = {f"shopper_{name}": f"CASE {there} coalesce(b.{name}, 0) END" for name in names}
    columns["shopper_known"] = "CASE WHEN b.events > 0 THEN 1 ELSE 0 END"
    columns["shopper_days_since_event"] = since("b.t")
    columns |= {f"shopper_days_since_{kind}": since(f"b.last_{kind}") for kind in KINDS}
    joins = ""
    for days in WINDOWS:
        joins += f" ASOF LEFT JOIN sums w{days} ON w{days}.u = r.u AND r.t - {days * DAY} > w{days}.t"
        counted = f"coalesce(b.events, 0) - coalesce(w{days}.events, 0)"
        columns[f"shopper_events_{days}d"] = f"CASE {there} {counted} END"
    for fact, name in (("department", "department"), ("brand", "brand"), ("band", "price")):
        same = f"a_{fact}.u = r.u AND a_{fact}.{fact} = r.{fact} AND r.t > a_{fact}.t"
        joins += f" ASOF LEFT JOIN {fact}_sums a_{fact} ON {same}"
        share = f"coalesce(a_{fact}.events, 0) / (b.{fact}s + 1.0)"
        columns[f"shopper_{name}_affinity"] = f"CASE WHEN r.{fact} IS NOT NULL AND b.{fact}s > 0 THEN {share} END"
    for name in ("events", "purchases"):
        columns[f"shopper_item_{name}"] = f"CASE {there} coalesce(m.{name}, 0) END"
    columns["shopper_days_since_item_purchase"] = since("m.last_purchase")
    columns["shopper_session_events"] = f"CASE WHEN {active} THEN b.session_events {there} 0 END"
    minutes = "(r.t - b.session_start) / 60000000.0"
    columns["shopper_session_minutes"] = f"CASE WHEN {active} THEN {minutes} {there} 0 END"
    columns["shopper_session_cart_share"] = f"CASE WHEN {active} THEN b.session_carts / b.session_events::DOUBLE END"
    columns["shopper_session_departments"] = f"CASE WHEN {active} THEN b.session_departments {there} 0 END"
    told = ", ".join(f"{expression} AS {name}" for name, expression in columns.items())
    return f"""
CREATE TABLE result AS
    SELECT r.n, r.query, CASE WHEN s.session = b.session AND {active} THEN s.query END AS last_query, {told}
    FROM told r
    ASOF LEFT JOIN sums b ON b.u = r.u AND r.t > b.t
    ASOF LEFT JOIN item_sums m ON m.u = r.u AND m.i = r.i AND r.t > m.t
    ASOF LEFT JOIN searches s ON s.u = r.u AND r.t > s.t{joins}
    ORDER BY r.n;
"""


STEPS = (FACTS, SESSIONS, SUMS, *(affinity_sums(fact) for fact in ("department", "brand", "band")), result())
