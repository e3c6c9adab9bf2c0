"""The line locator agrees with tomllib about what is where."""

from __future__ import annotations

import tomllib

from ipc.config.locate import Lines

TEXT = '''# one
a = 1

[t.u]   # four
b = """
[not.a.table]
c = 2
"""
"quoted key" = [ # nine
  "x]", # [y]
  'z = 1',
]
d.e = { f = 1, g = "}" }
[[s]]
n = 1
  [[ s ]]  # sixteen
n = 2
[s.sub]
m = \'\'\'
x\'\'\'
[last]'''


def test_tables_keys_strings_and_arrays_are_found_on_their_lines() -> None:
    tomllib.loads(TEXT)
    lines = Lines(TEXT)
    assert lines.of(("a",)) == 2
    assert lines.of(("t", "u")) == 4
    assert lines.of(("t", "u", "b")) == 5
    assert lines.of(("t", "u", "quoted key")) == 9
    assert lines.of(("t", "u", "d", "e", "f")) == 13
    assert lines.of(("s", 0)) == 14
    assert lines.of(("s", 0, "n")) == 15
    assert lines.of(("s", 1)) == 16
    assert lines.of(("s", 1, "n")) == 17
    assert lines.of(("s", 1, "sub", "m")) == 19
    assert lines.of(("last",)) == 21


def test_what_is_not_in_the_text_has_the_line_of_its_table_else_the_first() -> None:
    lines = Lines(TEXT)
    assert lines.of(("t", "u", "missing")) == 4
    assert lines.of(("s", 1, "missing")) == 16
    assert lines.of(("missing", "key")) == 1


def test_windows_line_ends_count_once() -> None:
    assert Lines("a = 1\r\n[t]\r\nb = 2\r\n").of(("t", "b")) == 3
