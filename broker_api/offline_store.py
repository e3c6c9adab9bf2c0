"""The simulated venue's memory on disk: reads the book from the file and writes what changed.

No market logic. Which transaction surrounds a call is said at each method.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from broker_api import offline_rows as rows
from broker_api.offline_book import Book, Changes, Instrument, Order, Top
from broker_api.offline_file import OfflineFile
from broker_api.offline_money import MONEY_PLACES, read_stored, stored_or_none
from broker_api.offline_money import stored as text_of
from broker_api.offline_schema import ORDER_TABLES
from broker_api.values import Fill, Report

FILLS_MAX: Final = 10_000
NOTICES_MAX: Final = 10_000


class OfflineStore(OfflineFile):
    """The file with its rows. Every failure is BrokerUnavailable with the path in its line."""

    def load(self) -> Book:
        """Read the present of the account; call it inside `reading` or `writing`."""
        cash, next_seq, last_fill_seq, market_ns = self._one(
            "SELECT cash, next_seq, last_fill_seq, market_ns FROM account"
        )
        book = Book(settings=self._settings, cash=read_stored(cash, MONEY_PLACES))
        book.seed = int(str(self._one("SELECT value FROM meta WHERE key = 'seed'")[0]))
        book.next_seq = rows.read_int(next_seq)
        book.last_fill_seq = rows.read_int(last_fill_seq)
        book.now_ns = rows.read_int(market_ns)
        for order in sorted(self._open_orders(), key=lambda order: order.seq):
            book.orders[order.seq] = order
        for row in self._db.execute(rows.select(rows.ACTION_FIELDS, "actions", "ORDER BY seq")):
            action = rows.read_action(row)
            book.actions[action.seq] = action
        for symbol, qty, avg_price in self._db.execute(
            "SELECT symbol, qty, avg_price FROM positions WHERE qty <> '0'"
        ):
            book.positions[symbol] = rows.read_holding(qty, avg_price)
        for symbol, *rest in self._db.execute("SELECT * FROM symbols"):
            book.instruments[symbol] = rows.read_instrument(tuple(rest))
        for symbol, *rest in self._db.execute("SELECT * FROM quotes"):
            book.quotes[symbol] = rows.read_top(tuple(rest))
        return book

    def save(self, book: Book, writer: str) -> list[Report]:
        """Write what changed; return the reports for `writer`, the others become notices."""
        changes, book.changes = book.changes, Changes()
        for origin, table in ORDER_TABLES.items():
            self._db.executemany(
                rows.insert(rows.ORDER_FIELDS, table, key="seq"),
                [rows.order_row(o) for o in changes.orders.values() if o.origin == origin],
            )
        self._db.executemany("INSERT INTO order_ids VALUES (?, ?)", changes.renamed)
        self._save_actions(changes)
        self._db.executemany(
            rows.insert(("order_seq", *rows.FILL_FIELDS), "fills"),
            [rows.fill_row(seq, fill) for seq, fill in changes.fills],
        )
        held = [(symbol, book.positions[symbol]) for symbol in sorted(changes.positions)]
        self._db.executemany(
            "INSERT OR REPLACE INTO positions VALUES (?, ?, ?)",
            [(symbol, text_of(h.qty), text_of(h.avg_price)) for symbol, h in held],
        )
        self._db.execute(
            "UPDATE account SET cash = ?, next_seq = ?, last_fill_seq = ?, market_ns = ?",
            rows.account_row(book),
        )
        self._notify([(o, r) for o, r in changes.reports if o.owner != writer])
        return [report for order, report in changes.reports if order.owner == writer]

    def save_quotes(self, quotes: Sequence[tuple[str, Top]]) -> None:
        """Write tops of book, so that the other process can value what is held."""
        self._db.executemany(
            "INSERT OR REPLACE INTO quotes VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [rows.top_row(symbol, top) for symbol, top in quotes],
        )

    def save_instruments(self, instruments: dict[str, Instrument]) -> None:
        """Write the symbols' facts of the configuration."""
        self._db.executemany(
            "INSERT OR REPLACE INTO symbols VALUES (?, ?, ?, ?, ?)",
            [
                (
                    symbol,
                    text_of(facts.multiplier),
                    facts.base,
                    stored_or_none(facts.price_increment),
                    stored_or_none(facts.qty_increment),
                )
                for symbol, facts in instruments.items()
            ],
        )

    def save_seed(self, seed: int) -> None:
        """Write the seed that the coming draws follow from."""
        self._db.execute("UPDATE meta SET value = ? WHERE key = 'seed'", (str(seed),))

    def seq_of(self, cl_ord_id: str) -> int | None:
        """Find the number of the order that has, had or is about to get this id."""
        tables = ORDER_TABLES.values()
        parts = [rows.select(("seq",), table, "WHERE cl_ord_id = :id") for table in tables]
        parts.append("SELECT seq FROM order_ids WHERE old_id = :id")
        parts.append("SELECT target_seq FROM actions WHERE kind = 'replace' AND cl_ord_id = :id")
        row = self._db.execute(" UNION ALL ".join(parts) + " LIMIT 1", {"id": cl_ord_id}).fetchone()
        return None if row is None else rows.read_int(row[0])

    def fills(self, since_fill: int) -> tuple[Fill, ...]:
        """Read the fills above a number, oldest first, at most FILLS_MAX."""
        names = rows.FILL_FIELDS
        found = self._db.execute(
            rows.select(names, "fills", "WHERE fill_seq > ? ORDER BY fill_seq LIMIT ?"),
            (since_fill, FILLS_MAX),
        )
        return tuple(Fill(**dict(zip(names, row, strict=True))) for row in found)

    def orders_placed(self) -> int:
        """Count the orders ever placed through a trading connection."""
        return rows.read_int(self._one("SELECT count(*) FROM orders")[0])

    def take_notices(self, owner: str) -> list[Report]:
        """Take the reports that another process left for `owner`; call it inside `writing`."""
        fields = Report.__struct_fields__
        query = rows.select(fields, "notices", "WHERE owner = ? ORDER BY notice_seq")
        found = self._db.execute(query, (owner,)).fetchall()
        if found:
            self._db.execute("DELETE FROM notices WHERE owner = ?", (owner,))
        return [Report(**dict(zip(fields, row, strict=True))) for row in found]

    def _notify(self, reports: list[tuple[Order, Report]]) -> None:
        fields = Report.__struct_fields__
        kept = [(o.owner, *(getattr(r, name) for name in fields)) for o, r in reports if o.owner]
        if not kept:
            return
        self._db.executemany(
            rows.insert(("owner", *fields), "notices"),
            kept,
        )
        self._db.execute(
            "DELETE FROM notices WHERE notice_seq <= (SELECT max(notice_seq) FROM notices) - ?",
            (NOTICES_MAX,),
        )

    def _save_actions(self, changes: Changes) -> None:
        self._db.executemany(
            rows.insert(rows.ACTION_FIELDS, "actions", key="seq"),
            [rows.action_row(action) for action in changes.actions_new],
        )
        self._db.executemany(
            "DELETE FROM actions WHERE seq = ?", [(seq,) for seq in changes.actions_done]
        )

    def _open_orders(self) -> Iterator[Order]:
        for origin, table in ORDER_TABLES.items():
            for row in self._db.execute(
                rows.select(rows.ORDER_FIELDS, table, "WHERE status IN ('pending', 'working')")
            ):
                yield rows.read_order(row, origin)
