"""A lost quote makes rows vanish into a field: found whatever the cells hold; texts of several lines stay."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import load_samples, stream_samples
from sie_agent.samples.sources.swallowed import holds_rows

HEADER = "sample_id,query,item_id,title,description,label\n"
LOST = [
    "1,tv,i1,\"Large 50 inch,,1\n2,tv,i2,Lamp,,0\n3,tv,i3,Sofa,,0\n4,tv,i4,Small TV\",,1\n5,tv,i5,Desk,,0\n",
    # spaces around cells, here and there a description, a line without anything
    '1,tv,i1,"Large 50 inch,,1\n2, tv,i2,Lamp ,a lamp,0\n\n3,tv, i3,Sofa,,0\n4,tv,i4,Small TV",red,1\n',
    # only one row is lost
    '1,tv,i1,"Large 50 inch,,1\n2,tv,i2,Lamp",,0\n',
    # no numbers at all, descriptions nowhere
    'a,tv,x,"Large,,yes\nb,tv,y,Lamp,,no\nc,tv,z,Sofa",,no\n',
    # the last column, and the first
    '1,tv,i1,TV,"a large TV,1\n2,tv,i2,Lamp,,0\n3,tv,i3,Sofa,soft",0\n',
    '1,tv,i1,TV,,1\n"2,tv,i2,Lamp,,0\n3",tv,i3,Sofa,soft,0\n',
]  # fmt: skip
KEPT = [
    '1,tv,i1,TV,"Colours, sizes\nred, green, blue, white, black",1\n',
    '1,tv,i1,TV,"One, two,\nthree, four,\nfive",1\n',
    '1,tv,i1,TV,"Length 1,5 m\nWidth 2,5 m",1\n',
    '1,tv,i1,"A TV\nwith a stand","first line\nsecond line, with a comma\nthird",1\n',
    '1,tv,i1,TV,"- 50 inch\n- 3 ports, 2 of them HDMI\n- 1, 2 or 3 legs",1\n',
]
READERS: list[Callable[..., object]] = [load_samples, lambda path: list(stream_samples(path, chunk_rows=2))]


def labelled(rows: str) -> str:
    return rows.replace(",yes\n", ",1\n").replace(",no\n", ",0\n")


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("rows", LOST)
def test_rows_that_a_quote_swallowed_are_refused(rows: str, read: Callable[..., object], tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER + labelled(rows))
    with pytest.raises(InputError, match=r"a quote opens here and closes in line .* looks like rows"):
        read(tmp_path / "log.csv")


@pytest.mark.parametrize("rows", KEPT)
def test_texts_of_several_lines_are_kept(rows: str, tmp_path: Path) -> None:
    (tmp_path / "log.csv").write_text(HEADER + rows)
    wanted = next(csv.reader(io.StringIO(rows)))
    row = load_samples(tmp_path / "log.csv").iloc[0]
    assert row["description"] == wanted[4] and row["sample_id"] == "1"


WORD = st.text("abcdeäöß-'é", min_size=1, max_size=8)
# commas as people write them: a space behind each, or a decimal comma
PHRASE = st.lists(st.one_of(WORD, st.integers(0, 99).map(str), st.just("1,5"), st.just('6"')), min_size=1, max_size=5)
LINE = st.lists(PHRASE.map(" ".join), min_size=1, max_size=6).map(", ".join)


@given(st.lists(LINE, min_size=2, max_size=6), st.integers(2, 6), st.data())
def test_a_text_as_people_write_it_is_no_row(lines: list[str], width: int, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, width - 1))
    row = ["Lampe", "Tür", "gut", "x", "ja", "z"][:width]
    row[place] = "\n".join(lines)
    assert not holds_rows(row, place, ",")


CELL = st.text("abc XYZ0123456789.!?äß", max_size=12)


@given(st.lists(st.tuples(CELL, CELL, CELL), min_size=2, max_size=6), st.integers(1, 3), st.sampled_from(",;\t"))
def test_a_log_with_numbered_rows_is_found(texts: list[tuple[str, str, str]], place: int, separator: str) -> None:
    rows = [[f"{number}", *cells, f"i{number}", "1"] for number, cells in enumerate(texts)]
    lines = [separator.join(row) for row in rows]
    before, after = separator.join(rows[0][:place]) + separator, separator + separator.join(rows[-1][place + 1 :])
    inside = "\n".join(lines)[len(before) :].removesuffix(after)
    assert holds_rows([*rows[0][:place], inside, *rows[-1][place + 1 :]], place, separator)
