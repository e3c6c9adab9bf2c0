"""From what a venue said to the core's events, and what in it protects a position. Pure."""

from __future__ import annotations

from broker_api.values import Snapshot, WorkingOrder
from ipc.numbers import format_decimal, parse_decimal
from sentinel.adapters.stamp import Stamp
from sentinel.core.effects import CancelOrders, HandlePositions, ReadVenue
from sentinel.core.events import AccountRead, BrokerRead, Event, FillSeen, PositionRead
from sentinel.core.steps import OrdersCancelled, PositionsHandled, VenueRead

Task = CancelOrders | ReadVenue | HandlePositions


def last_price(seen: Snapshot, symbol: str) -> int | None:
    """Return the venue's newest bid, scaled by 10¹⁸."""
    for quote in seen.quotes:
        if quote.symbol == symbol and quote.bid is not None:
            return parse_decimal(quote.bid)
    return None


def rounded(price: int) -> str:
    """Six significant digits are on every venue's grid that a 1 % stop can matter on."""
    step = 10 ** max(0, len(str(price)) - 6)
    return format_decimal(price // step * step)


def protective(seen: Snapshot) -> frozenset[str]:
    """Ids of working stops that can only reduce a position that is held."""
    held = {p.symbol: parse_decimal(p.qty) or 0 for p in seen.positions}
    return frozenset(o.cl_ord_id for o in seen.working if _protects(o, held.get(o.symbol, 0)))


def _protects(order: WorkingOrder, position: int) -> bool:
    is_stop = order.ord_type in ("stop", "stop_limit") or order.leg == "stop_loss"
    against = (order.side == "sell") == (position > 0)
    only_reduces = order.reduce_only or order.leg is not None
    leaves = parse_decimal(order.leaves_qty) or 0
    return position != 0 and is_stop and against and only_reduces and leaves <= abs(position)


def open_positions(seen: Snapshot) -> dict[str, str]:
    """What is held, by symbol."""
    return {p.symbol: p.qty for p in seen.positions if parse_decimal(p.qty)}


def failed(task: Task, problem: str, stamp: Stamp) -> Event:
    """Say of a step that it did not come about."""
    match task:
        case CancelOrders(sequence=sequence):
            return OrdersCancelled(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                sequence=sequence,
                cancelled=(),
                problem=problem,
            )
        case ReadVenue(sequence=sequence):
            return VenueRead(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                sequence=sequence,
                read_at_ns=stamp.at_ns,
                working=(),
                positions={},
                problem=problem,
            )
        case HandlePositions(sequence=sequence):
            return PositionsHandled(
                at_ns=stamp.at_ns,
                wall_ns=stamp.wall_ns,
                sequence=sequence,
                open_positions={},
                problem=problem,
            )


def broker_read(snapshot: Snapshot, read_at_ns: int, stamp: Stamp) -> BrokerRead:
    """Make the core's event from a venue's snapshot."""
    at_ns, wall_ns = stamp.at_ns, stamp.wall_ns
    return BrokerRead(
        at_ns=at_ns,
        wall_ns=wall_ns,
        read_at_ns=read_at_ns,
        account=AccountRead(
            at_ns=at_ns,
            wall_ns=wall_ns,
            read_at_ns=read_at_ns,
            equity=snapshot.equity,
            balance_free=snapshot.balance_free,
            buying_power=snapshot.buying_power,
            balances=snapshot.balances,
        ),
        positions=tuple(
            PositionRead(
                at_ns=at_ns, wall_ns=wall_ns, symbol=p.symbol, qty=p.qty, avg_price=p.avg_price
            )
            for p in snapshot.positions
        ),
        working=tuple(o.cl_ord_id for o in snapshot.working if o.origin != "oversight"),
        fills=tuple(
            FillSeen(
                exec_id=f.exec_id,
                cl_ord_id=f.cl_ord_id,
                symbol=f.symbol,
                side=f.side,
                qty=f.qty,
                price=f.price,
                fee=f.fee,
            )
            for f in snapshot.fills
            if f.origin != "oversight"
        ),
        fill_seq=snapshot.last_fill_seq,
    )
