"""What an account is worth and can pay for."""

from ipc.numbers import SCALE, parse_decimal


def money(desk):
    seen = desk.eye.snapshot(0)
    return seen.equity, seen.balance_free, seen.buying_power


def test_working_buys_are_reserved_with_their_fees(open_desk):
    desk = open_desk(fee_bps=10 * SCALE, fee_fixed=SCALE)
    desk.quote("1.10", "1.12")
    desk.send("b", qty="1000", price="1.00")
    assert money(desk) == ("100000", "98998", None)


def test_a_stop_buy_is_reserved_at_the_worse_of_its_price_and_the_ask(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", qty="1000", ord_type="stop", stop_price="1.50")
    assert money(desk)[1] == "98500"


def test_reserved_money_cannot_be_used_twice(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", qty="60000", price="1.00")
    desk.send("b", qty="60000", price="1.00")
    desk.send("c", qty="40000", price="1.00")
    assert desk.told() == [("a", "ack"), ("b", "rejected"), ("c", "ack")]
    assert money(desk)[1] == "0"


def test_a_replace_is_judged_without_what_the_order_itself_reserved(desk):
    desk.quote("1.10", "1.12")
    desk.send("a", qty="60000", price="1.00")
    desk.replace("b", "a", "90000", "1.05")
    desk.replace("c", "b", "99000", "1.05")
    assert desk.told() == [("a", "ack"), ("b", "replaced"), ("c", "rejected")]


def test_a_cash_account_sells_no_more_than_is_free(desk):
    desk.quote("1.10", "1.12")
    desk.send("b")
    desk.send("s1", "sell", qty="60", price="1.20")
    desk.send("s2", "sell", qty="60", price="1.20")
    assert desk.told()[-1] == ("s2", "rejected")
    desk.send("s3", "sell", qty="40", price="1.20")
    assert desk.told()[-1] == ("s3", "ack")


def test_legs_hold_what_they_protect_once(desk):
    desk.quote("1.10", "1.12")
    desk.send("e", qty="100", stop_loss="1.00", take_profit="1.30", group="g")
    desk.send("more", qty="50")
    desk.send("plain", "sell", qty="51", price="1.25")
    assert desk.told()[-1] == ("plain", "rejected")
    desk.send("fits", "sell", qty="50", price="1.25")
    assert desk.told()[-1] == ("fits", "ack")


def test_equity_marks_at_the_mid_of_the_last_usable_quote(desk):
    desk.quote("1.10", "1.12")
    desk.send("b", qty="1000")
    desk.quote("1.20", "1.24")
    desk.quote("1.40", "1.30")
    desk.clock.sleep_ms(1000)
    desk.quote(None, None)
    assert money(desk)[0] == "100100"


def test_margin_binds_a_part_and_gives_buying_power(open_desk):
    desk = open_desk(kind="margin", leverage=4 * SCALE)
    desk.quote("1.00", "1.02")
    desk.send("b", qty="100000")
    assert money(desk) == ("99000", "73750", "295000")
    desk.send("w", qty="100000", price="1.00")
    assert money(desk)[1] == "48750"
    desk.send("over", qty="200000", price="1.00")
    assert desk.told()[-1][1] == "rejected"


def test_margin_is_not_needed_to_reduce(open_desk):
    desk = open_desk(kind="margin", leverage=2 * SCALE)
    desk.quote("1.00", "1.02")
    desk.send("b", qty="190000")
    desk.send("b2", qty="50000")
    assert desk.told()[-1] == ("b2", "rejected")
    desk.send("s", "sell", qty="190000")
    assert desk.held() == "0"


def test_a_market_order_that_cannot_be_valued_is_rejected(desk):
    desk.quote("1.2", "1.1")
    desk.send("b", ord_type="market")
    assert desk.told() == [("b", "rejected")]


def test_a_short_position_lowers_equity_when_the_market_rises(open_desk):
    desk = open_desk(kind="margin")
    desk.quote("1.10", "1.12")
    desk.send("s", "sell", qty="100")
    desk.quote("1.20", "1.22")
    desk.clock.sleep_ms(1000)
    desk.quote("1.20", "1.22")
    assert money(desk)[0] == "99989"
    assert parse_decimal(desk.eye.snapshot(0).positions[0].qty) == -100 * SCALE
