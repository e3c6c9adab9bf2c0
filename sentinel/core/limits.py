"""The limits in force, as integers. Built once for each configuration; decides nothing."""

from __future__ import annotations

from ipc.calendar import OpenHours
from ipc.clock import NS_PER_MS
from ipc.config.actions import effective_actions
from ipc.config.effective import effective_limits
from ipc.config.values import LimitValues, RiskConfig, StrategyValues, SymbolValues, ThrottleValues
from ipc.numbers import parse_decimal

EXIT_RATE_MAX = 100
RECOVER_MS = 10_000


def _scaled(text: str | None) -> int | None:
    if text is None:
        return None
    value = parse_decimal(text)
    if value is None:
        raise ValueError(f"not a plain decimal: {text!r}")
    return value


def exactly(text: str) -> int:
    """Scale a decimal that the reader has checked; ValueError for anything else."""
    value = _scaled(text)
    if value is None:
        raise ValueError("a decimal is missing")
    return value


def _ns(milliseconds: int | None) -> int | None:
    return None if milliseconds is None else milliseconds * NS_PER_MS


def _window_ns(milliseconds: int | None) -> int:
    if milliseconds is None:
        raise ValueError("a window is missing")
    return milliseconds * NS_PER_MS


class Limits:
    """Every limit for one strategy on one symbol; None is off. Decimals are scaled by 10¹⁸."""

    def __init__(self, values: LimitValues, zone: str) -> None:
        v = values
        self.intent_age_max_ns = _ns(v.intent_age_max_ms)
        self.ord_types = v.ord_types
        self.short_allowed = bool(v.short_allowed)
        self.order_qty_max = _scaled(v.order_qty_max)
        self.order_qty_min = _scaled(v.order_qty_min)
        self.reference_age_max_ns = _ns(v.reference_age_max_ms)
        self.reference_divergence_max_bps = _scaled(v.reference_divergence_max_bps)
        self.spread_max_bps = _scaled(v.spread_max_bps)
        self.price_collar_bps = _scaled(v.price_collar_bps)
        self.price_collar_both_sides = bool(v.price_collar_both_sides)
        self.order_notional_max = _scaled(v.order_notional_max)
        self.order_notional_min = _scaled(v.order_notional_min)
        self.repeat_max = v.repeat_max
        self.repeat_window_ns = _window_ns(v.repeat_window_ms)
        self.trades_max = v.trades_max
        self.orders_working_max = v.orders_working_max
        self.position_qty_max = _scaled(v.position_qty_max)
        self.position_notional_max = _scaled(v.position_notional_max)
        self.gross_exposure_max = _scaled(v.gross_exposure_max)
        self.net_exposure_max = _scaled(v.net_exposure_max)
        self.concentration_max_pct = _scaled(v.concentration_max_pct)
        self.leverage_max = _scaled(v.leverage_max)
        self.account_age_max_ns = _ns(v.account_age_max_ms)
        self.balance_min = _scaled(v.balance_min)
        self.daily_loss_max = _scaled(v.daily_loss_max)
        self.drawdown_max_pct = _scaled(v.drawdown_max_pct)
        self.losses_in_a_row_max = v.losses_in_a_row_max
        self.hours = None if v.hours is None else OpenHours(v.hours, zone)
        self.order_to_fill_max = _scaled(v.order_to_fill_max)
        self.venue_rejects_max = v.venue_rejects_max
        self.venue_rejects_window_ns = _window_ns(v.venue_rejects_window_ms)
        self.vetoes_max = v.vetoes_max
        self.vetoes_window_ns = _window_ns(v.vetoes_window_ms)

    @property
    def needs_marks(self) -> bool:
        """Whether a limit on loss is on, which values every held symbol."""
        return self.daily_loss_max is not None or self.drawdown_max_pct is not None

    @property
    def needs_portfolio(self) -> bool:
        """Whether a limit over all symbols is on."""
        return (
            self.gross_exposure_max is not None
            or self.net_exposure_max is not None
            or self.leverage_max is not None
        )

    @property
    def needs_position_value(self) -> bool:
        """Whether a limit values the order's own position."""
        return (
            self.position_notional_max is not None
            or self.concentration_max_pct is not None
            or self.needs_portfolio
        )


class SymbolTerms:
    """What one instrument is: its grid, its multiplier and its currencies."""

    def __init__(self, values: SymbolValues) -> None:
        self.base = values.base
        self.quote = values.quote
        self.price_increment = _scaled(values.price_increment)
        self.qty_increment = _scaled(values.qty_increment)
        self.multiplier = exactly(values.multiplier)
        self.fx = values.fx


class Throttle:
    """One token bucket's numbers, scaled."""

    def __init__(self, values: ThrottleValues) -> None:
        self.name = values.name
        self.scope = values.scope
        self.counts = values.counts
        self.rate = exactly(values.rate)
        self.per_ns = values.per_ms * NS_PER_MS
        self.burst = exactly(values.burst)


class Rulebook:
    """The whole configuration in force, with the overrides resolved on demand."""

    def __init__(self, risk: RiskConfig, config_hash: str) -> None:
        account = risk.account
        self.risk = risk
        self.hash = config_hash
        self.cash = account.kind == "cash"
        self.currency = account.currency
        self.leverage = exactly(account.leverage)
        self.fee_bps = exactly(account.fee_bps)
        self.fee_fixed = exactly(account.fee_fixed)
        self.account_required = account.required
        self.symbols = frozenset(risk.limits.symbols or ())
        self.any_symbol = "*" in self.symbols
        self.quotable = self.symbols | {s.fx for s in risk.symbols if s.fx is not None}
        self.actions = {r.value: action for r, action in effective_actions(risk).items()}
        self.recover_ns = (risk.limits.recover_ms or RECOVER_MS) * NS_PER_MS
        self.exit_rate_max = risk.limits.exit_rate_max or EXIT_RATE_MAX
        self.base_limits = Limits(effective_limits(risk), account.day_zone)
        self.throttles = tuple(Throttle(t) for t in risk.throttles)
        self._symbols = {s.name: s for s in risk.symbols}
        self._strategies = {s.name: s for s in risk.strategies}
        self._terms: dict[str, SymbolTerms] = {}
        self._limits: dict[tuple[str | None, str], Limits] = {}

    def terms(self, symbol: str) -> SymbolTerms:
        """Return the instrument's facts; plain ones where the file says nothing."""
        values = self._symbols.get(symbol)
        if values is None:
            return SymbolTerms(SymbolValues(name=symbol))
        if symbol not in self._terms:
            self._terms[symbol] = SymbolTerms(values)
        return self._terms[symbol]

    def limits(self, strategy: str | None, symbol: str) -> Limits:
        """Return the effective limits: the symbol's override, then the strategy's."""
        if symbol not in self._symbols and strategy not in self._strategies:
            return self.base_limits
        key = (strategy if strategy in self._strategies else None, symbol)
        found = self._limits.get(key)
        if found is None:
            values = effective_limits(self.risk, symbol, strategy)
            found = Limits(values, self.risk.account.day_zone)
            self._limits[key] = found
        return found

    def count_limits(self, key: str, strategy: str | None, symbol: str) -> list[tuple[str, int]]:
        """Return (scope, limit) for a counting limit: the account's, the symbol's, the strategy's.

        An override counts its own orders and the account's limit goes on over all of them.
        """
        found: list[tuple[str, int]] = []
        for scope, values in (
            ("", self.risk.limits),
            (f"symbol:{symbol}", self._limits_of(self._symbols.get(symbol))),
            (f"strategy:{strategy}", self._limits_of(self._strategies.get(strategy or ""))),
        ):
            limit = getattr(values, key)
            if limit is not None:
                found.append((scope, limit))
        return found

    @staticmethod
    def _limits_of(owner: SymbolValues | StrategyValues | None) -> LimitValues:
        return LimitValues() if owner is None else owner.limits
