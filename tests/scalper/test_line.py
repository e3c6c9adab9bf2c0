"""A person sees a quiet line while the loop runs and a table at its end."""

import io

from ipc.numbers import SCALE
from scalper.endings import Ending
from scalper.line import LiveLine, closing, text_of
from scalper.tally import Tally


def test_the_line_is_rewritten_at_most_five_times_a_second(clock):
    stream = io.StringIO()
    line = LiveLine(stream, clock, shown=True)
    for _ in range(100):
        line.show(Tally("X", 0))
        clock.sleep_ms(10)
    assert stream.getvalue().count("pass 0") == 5
    assert "\n" not in stream.getvalue()


def test_without_a_terminal_there_is_nothing(clock):
    stream = io.StringIO()
    line = LiveLine(stream, clock, shown=False)
    line.show(Tally("X", 0))
    line.end()
    assert stream.getvalue() == ""


def test_a_terminal_that_went_away_does_not_stop_the_loop(clock):
    class Gone(io.StringIO):
        def flush(self):
            raise OSError("gone")

    line = LiveLine(Gone(), clock, shown=True)
    line.show(Tally("X", 0))
    line.end()


def test_the_line_fits_a_narrow_terminal():
    tally = Tally("X", 12_345 * SCALE)
    tally.passes, tally.approved = 94_873, 143
    assert len(text_of(tally)) < 80


def test_the_table_names_every_reason_with_its_count():
    tally = Tally("X", 0)
    tally.count_veto("THROTTLE_EXCEEDED")
    text = closing(tally, Ending.HALTED, run_id="r", symbol="X", mode="paper")
    assert "THROTTLE_EXCEEDED" in text
    assert "P&L" in text
    assert Ending.HALTED.words in text
