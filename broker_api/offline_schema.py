"""The tables of the simulated venue's file, and the check that a file is one. It moves no money."""

from __future__ import annotations

from typing import Final

SCHEMA_VERSION: Final = 1

_ORDER_COLUMNS: Final = """
  seq INTEGER PRIMARY KEY,
  cl_ord_id TEXT NOT NULL UNIQUE,
  symbol TEXT NOT NULL, side TEXT NOT NULL, ord_type TEXT NOT NULL,
  order_qty TEXT NOT NULL, cum_qty TEXT NOT NULL, price TEXT, stop_price TEXT,
  time_in_force TEXT NOT NULL, expire_ns INTEGER,
  reduce_only INTEGER NOT NULL, is_exit INTEGER NOT NULL, "group" TEXT,
  stop_loss TEXT, take_profit TEXT,
  parent TEXT, parent_seq INTEGER, leg TEXT, legs_made INTEGER NOT NULL,
  owner TEXT NOT NULL, status TEXT NOT NULL, effective_ns INTEGER NOT NULL,
  triggered INTEGER NOT NULL, execs INTEGER NOT NULL, increment TEXT NOT NULL, text TEXT
"""

ORDER_TABLES: Final = {"place": "orders", "leg": "legs", "oversight": "oversight_orders"}
"""One row of `orders` per order that was placed; what the venue or the sentinel makes is apart."""

TABLES: Final = (
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), cash TEXT NOT NULL,
    start_cash TEXT NOT NULL, next_seq INTEGER NOT NULL, last_fill_seq INTEGER NOT NULL,
    market_ns INTEGER NOT NULL)""",
    """CREATE TABLE symbols (symbol TEXT PRIMARY KEY, multiplier TEXT NOT NULL, base TEXT,
    price_increment TEXT, qty_increment TEXT) WITHOUT ROWID""",
    """CREATE TABLE quotes (symbol TEXT PRIMARY KEY, bid TEXT, ask TEXT, bid_size TEXT,
    ask_size TEXT, ts_ns INTEGER NOT NULL, mark_bid TEXT, mark_ask TEXT) WITHOUT ROWID""",
    *(f"CREATE TABLE {table} ({_ORDER_COLUMNS})" for table in ORDER_TABLES.values()),
    *(
        f"CREATE INDEX {table}_open ON {table} (seq) WHERE status IN ('pending', 'working')"
        for table in ORDER_TABLES.values()
    ),
    """CREATE TABLE order_ids (old_id TEXT PRIMARY KEY, seq INTEGER NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE actions (seq INTEGER PRIMARY KEY, kind TEXT NOT NULL,
    target_seq INTEGER NOT NULL, cl_ord_id TEXT NOT NULL, order_qty TEXT, price TEXT,
    stop_price TEXT, effective_ns INTEGER NOT NULL, owner TEXT NOT NULL)""",
    """CREATE TABLE fills (fill_seq INTEGER PRIMARY KEY, exec_id TEXT NOT NULL UNIQUE,
    order_seq INTEGER NOT NULL, cl_ord_id TEXT NOT NULL, symbol TEXT NOT NULL,
    side TEXT NOT NULL, qty TEXT NOT NULL, price TEXT NOT NULL, fee TEXT NOT NULL,
    ts_ns INTEGER NOT NULL, parent TEXT, origin TEXT NOT NULL)""",
    """CREATE TABLE positions (symbol TEXT PRIMARY KEY, qty TEXT NOT NULL,
    avg_price TEXT NOT NULL) WITHOUT ROWID""",
    """CREATE TABLE notices (notice_seq INTEGER PRIMARY KEY AUTOINCREMENT, owner TEXT NOT NULL,
    exec_id TEXT NOT NULL, cl_ord_id TEXT NOT NULL, exec_type TEXT NOT NULL, last_qty TEXT,
    last_price TEXT, fee TEXT, text TEXT)""",
)
