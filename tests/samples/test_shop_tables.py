"""Tables as shops export them: what is told from the beginning of a file, and what is refused by its line."""

from __future__ import annotations

import csv
import gzip
import io
from pathlib import Path
from typing import Literal

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sie_agent.errors import InputError
from sie_agent.samples import load_samples, stream_samples
from sie_agent.samples.sources import separated, text_files
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.sources.separated import separated_tables
from sie_agent.utils.progress import set_quiet

HEADER = "query;item_id;title;label;grade\n"
ROWS = ("Lampe, groß;007;Lampe mit Fuß;0;0,5\n", 'Tür;008;Griff 6" breit;1;1\n')
GERMAN = HEADER + "".join(ROWS) * 30
PLAIN = "query,item_id,title\n"


def put(folder: Path, content: str | bytes, name: str = "log.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def both(path: Path) -> pd.DataFrame:
    """What is read whole, after making sure that it is the same in chunks."""
    whole = load_samples(path)
    pd.testing.assert_frame_equal(pd.concat(list(stream_samples(path, chunk_rows=7)), ignore_index=True), whole)
    return whole


def refused(path: Path) -> str:
    """The message with which a file is refused, whole and in chunks alike."""
    with pytest.raises(InputError) as whole:
        load_samples(path)
    with pytest.raises(InputError) as chunked:
        list(stream_samples(path, chunk_rows=7))
    message = str(whole.value)
    assert message == str(chunked.value) and "\n" not in message and len(message) < 600
    assert whole.value.hint and whole.value.exit_code == 2
    return message


EXPORTS: dict[str, tuple[bytes, str, str]] = {
    "semicolons": (GERMAN.encode(), "log.csv", "read with semicolons between the fields"),
    "byte order mark, CRLF": (GERMAN.replace("\n", "\r\n").encode("utf-8-sig"), "log.csv", "with semicolons"),
    "Excel, Windows": (
        GERMAN.replace("\n", "\r\n").encode("cp1252"),
        "log.csv",
        "read as Windows-1252 (Western European), such as 'groß' (if that is wrong, save it as UTF-8), with semicolons",
    ),
    "Excel, Unicode text": (GERMAN.replace(";", "\t").encode("utf-16"), "log.csv", "read as UTF-16, with tabs"),
    "UTF-16, big end first": (b"\xfe\xff" + GERMAN.encode("utf-16-be"), "log.csv", "read as UTF-16, with semicolons"),
    "UTF-16 without a mark": (GERMAN.encode("utf-16-le"), "log.csv", "read as UTF-16 without a byte order mark"),
    "UTF-16-BE without a mark": (GERMAN.encode("utf-16-be"), "log.csv", "read as UTF-16 without a byte order mark"),
    "UTF-32": (GERMAN.encode("utf-32"), "log.csv", "read as UTF-32, with semicolons"),
    "tabs in a .csv": (GERMAN.replace(";", "\t").encode(), "log.csv", "read with tabs between the fields"),
    "bars": (GERMAN.replace(";", "|").encode(), "log.csv", "read with vertical bars between the fields"),
    "semicolons in a .tsv": (GERMAN.encode(), "log.tsv", "read with semicolons between the fields"),
    "gzipped": (gzip.compress(GERMAN.encode("cp1252")), "log.csv.gz", "read as Windows-1252"),
    "gzipped without saying so": (gzip.compress(GERMAN.encode()), "log.csv", "unpacked with gzip; read with semi"),
    "sep=": (b"sep=;\r\n" + GERMAN.encode(), "log.csv", "read with semicolons"),
    "sep= of another separator": (b"sep=,\n" + GERMAN.encode(), "log.csv", "read with semicolons"),
    "sep=, UTF-16": (("SEP=;\r\n" + GERMAN).encode("utf-16"), "log.csv", "read as UTF-16, with semicolons"),
    "quoted sep=": (b'"sep=;"\n' + GERMAN.encode(), "log.csv", "read with semicolons"),
    "old line ends": (GERMAN.replace("\n", "\r").encode(), "log.csv", "read with semicolons"),
    "comments": (b"# exported, 2024\n# by; the shop\n\n" + GERMAN.encode(), "log.csv", "3 lines before the header are"),
    "header as a comment": (b"#" + GERMAN.encode(), "log.csv", "read with semicolons"),
    "blank lines": (b"\n\r\n" + GERMAN.replace("\n", "\n \t\n").encode(), "log.csv", "read with semicolons"),
    "separator behind all": (GERMAN.replace("\n", ";\n").encode(), "log.csv", "read with semicolons"),
    "separator behind rows": ((HEADER + "".join(ROWS).replace("\n", ";\n") * 30).encode(), "log.csv", "semicolons"),
    "numbered by pandas": (
        "\n".join(f"{row or ''};{line}" for row, line in enumerate(GERMAN.splitlines())).encode(),
        "log.csv",
        "column 1 without a name is left out",
    ),
}  # fmt: skip


@pytest.mark.parametrize("export", EXPORTS)
def test_an_export_is_read_and_what_is_unusual_is_said_once(
    export: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, name, told = EXPORTS[export]
    path = put(tmp_path, content, name)
    table = both(path)
    assert table["query"].tolist() == ["Lampe, groß", "Tür"] * 30
    assert table["title"].tolist() == ["Lampe mit Fuß", 'Griff 6" breit'] * 30
    assert table["item_id"].tolist() == ["007", "008"] * 30
    assert table["label"].tolist() == [0.0, 1.0] * 30
    assert table["grade"].tolist() == [0.5, 1.0] * 30
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 2, said
    assert said[0].startswith(f"{path}: ") and told in said[0]
    assert said[1] == f"{path}: numbers of the column 'grade' have a decimal comma: '0,5' is read as 0.5"


def test_of_a_usual_file_nothing_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    both(put(tmp_path, PLAIN + 'lamp,1,"A lamp; a shade"\nété,2,Abat-jour\n'))
    both(put(tmp_path, PLAIN.replace(",", "\t") + "lamp\t1\tA lamp, a shade\n", "log.tsv"))
    assert capsys.readouterr().err == ""


def test_other_separators_in_names_and_cells_do_not_count(tmp_path: Path) -> None:
    names = ["query", "item_id", "title", "a|b|c|d|e|f", "x;y"]
    path = put(tmp_path, ",".join(names) + "\n" + "lamp,1,A lamp|brass; new,2,3\n" * 5)
    assert list(read_file(path).columns) == names
    path = put(tmp_path, "query;item_id;title;price, EUR\n" + "lamp;1;A lamp, brass;5,0\n" * 5)
    assert list(read_file(path).columns) == ["query", "item_id", "title", "price, EUR"]


ROW = "a,b,c\n"
FAULTS: dict[str, tuple[str | bytes, str]] = {
    "quote never closed, first row": (
        PLAIN + '"lamp,i,t\n' + ROW * 200,
        "log.csv, line 2: the quote that opens here is never closed. Close it",
    ),
    "never closed, last field": (PLAIN + 'lamp,i,"t\n' + ROW * 200, "line 2: the quote that opens here is never"),
    "never closed, far down": (PLAIN + ROW * 150 + 'x,"y,z\n' + ROW * 50, "line 152: the quote that opens here is"),
    "never closed, behind a good one": (PLAIN + 'x,"y\ny","z\n' + ROW, "line 3: the quote that opens here is never"),
    "never closed, last line": (PLAIN + ROW + 'x,y,"z', "line 3: the quote that opens here is never closed"),
    "never closed, in the header": ('query,"item_id,title\na,b,c\n', "line 1: the header cannot be read: it has a"),
    "closed by a later field's quote": (
        PLAIN + ROW + 'lamp,"i,t\n' + ROW + 'x,"y",z\n',
        "line 3: the quote that opens here is closed in line 5, and text goes on behind it",
    ),
    "rows swallowed, last field": (
        PLAIN + ROW + 'lamp,i,"A lamp\nrug,j,Shelf 6"\n' + ROW,
        "line 3: a quote opens here and closes in line 4, and what lies between looks like rows",
    ),
    "rows swallowed, middle": (
        PLAIN + 'lamp,"i,A lamp\nrug,j,Rug\ncup,k",Cup\n', "line 2: a quote opens here and closes in line 4, and what"
    ),
    "rows swallowed behind a good one": (
        PLAIN + '"la\nmp","i,A lamp\nrug,j",Rug\n', "line 3: a quote opens here and closes in line 4"
    ),
    "swallowed up to a field": (PLAIN + '"lamp,i,t\n' + ROW + 'x",y,z\n', "line 2: a quote opens here and closes in"),
    "text behind a quote": (PLAIN + 'lamp,i,"6" shelf"\n', "line 2: text goes on behind the quote that closes a field"),
    "quotes with a backslash": (PLAIN + 'lamp,i,"a \\"good\\" lamp"\n', "line 2: text goes on behind the quote that"),
    "far too many fields": (PLAIN + ROW + "a," * 5000 + "\n", "line 3: the row has 5001 fields where the header"),
    "one field": (PLAIN + ROW + "lamp\n", "line 3: the row has 1 field where the header has 3"),
    "decimal comma between commas": (PLAIN + "a,b,0,5\n", "line 2: the row has 4 fields where the header has 3. Put"
                                     " fields that hold the separator (decimal commas, too) in double quotes"),
    "line number behind breaks in fields": (PLAIN + '"a\nb\r\nc",b,c\n\na,b\n', "line 6: the row has 2 fields"),
    "line number behind sep=": ("sep=;\n\nquery;item_id;title\na;b;c\na;b\n", "line 5: the row has 2 fields"),
    "title above the header": ("Export of the shop\n\nquery,item_id,title\na,b,c\n", "the row has 3 fields where the"
                               " header has 1. Put the header in the first line"),
    "comment below": (PLAIN + ROW + "# more\n" + ROW, "line 3: the row has 1 field where the header has 3. Take"),
    "header twice, with a mark": (PLAIN + ROW + "\ufeff" + PLAIN, "line 3: the header is there again"),
    "header twice": (PLAIN + ROW + PLAIN + ROW, "line 3: the header is there again. Where files were put together"),
    "no name for what is there": (PLAIN[:-1] + ",\na,b,c,\na,b,c,oops\n", "line 3: the last field holds something"),
    "rows end otherwise further down": (PLAIN + "a,b,c,\n" * 2500 + ROW, "line 2502: the last field holds something"),
    "empty": (b"", "log.csv: the file is empty"),
    "only a mark": (b"\xef\xbb\xbf", "log.csv: the file is empty"),
    "only blank lines": (b"\n\r\n \n", "log.csv: the file is empty"),
    "only sep=": ("sep=;\n", "log.csv: the file is empty"),
    "only a header": (PLAIN, "log.csv: the table has no rows"),
    "only a header, UTF-16": (PLAIN.encode("utf-16"), "log.csv: the table has no rows"),
    "names twice": ("query,query,title\na,b,c\n", "log.csv: the column 'query' occurs twice. Rename one of them"),
    "no names": (",,\na,b,c\n", "log.csv, line 1: the header names no column"),
    "no header": ("lamp,17,A lamp\nrug,18,A rug\n", "the column 'query' is missing. The columns there are: lamp, 17, A"
                  " lamp. `sie init "),
    "no header, said": ("lamp,17,A\nrug,18,B\n", "if the first line is a row and no header, put a header line before "),
    "no header, one value twice": ("1,A,1\n2,B,0\n", "'1' occurs twice. Rename one of them; if the first line is a"),
    "Excel": (b"PK\x03\x04\x14\x00\x06\x00", "log.csv: is an Excel workbook or another zip archive, whatever its name"),
    "old Excel": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "log.csv: is an old Excel workbook"),
    "Parquet": (b"PAR1\x15\x04", "log.csv: is a Parquet file, whatever its name says. Rename it"),
    "HTML": ("\n <!DOCTYPE html>\n<html><body>Please log in", "log.csv: is HTML or XML"),
    "HTML table": ("<table><tr><td>query</td></tr></table>", "log.csv: is HTML or XML"),
    "JSON": ('[\n  {"query": "a"}\n]', "log.csv: is JSON, whatever its name says. Rename it"),
    "JSON lines": ('{"query": "a"}\n{"query": "b"}\n', "log.csv: is JSON, whatever its name says. Rename it"),
    "zstandard": (b"\x28\xb5\x2f\xfd\x00", "log.csv: is a Zstandard archive"),
    "gzipped twice": (gzip.compress(gzip.compress(ROW.encode())), "log.csv: is packed with gzip twice"),
    "a ruler": ("query;item_id;title\n-----;---;---\na;b;c\n", "log.csv, line 2: the line holds dashes only. Take it "),
    "Markdown": ("|query|item_id|title|\n|:---|---|---|\n|a|b|c|\n", "log.csv, line 2: the line holds dashes only"),
    "another separator": ("query~item_id~title\na~b~c\n", "between fields there have to be commas, semicolons, tabs o"),
    "very many columns": (",".join(map("c{}".format, range(9000))) + "\n" + "1," * 8999 + "1\n", "c29, and 8,970 more"),
    "zip, gzipped": (gzip.compress(b"PK\x03\x04"), "log.csv: is an Excel workbook"),
    "zeros": (b"\0" * 5000, "log.csv, line 1: the line holds zero bytes"),
    "zeros at the end": (PLAIN.encode() + ROW.encode() * 99 + b"\0" * 600, "line 101: the line holds zero bytes"),
    "Cyrillic": ((PLAIN + "лампа,b,настольная лампа\n").encode("cp1251"), "line 2: the text is not UTF-8 (byte 0xEB)"),
    "Greek": ((PLAIN + "λάμπα,b,λάμπα\n").encode("cp1253"), "line 2: the text is not UTF-8"),
    "Polish": ((PLAIN + "łóżko,b,białe łóżko\n").encode("cp1250"), "line 2: the text is not UTF-8 (byte 0xB3). Save"),
    "Japanese": ((PLAIN + "ランプ,b,机のランプ\n").encode("shift_jis"), "; it looks like CP932 (Shift-JIS, Japan"),
    "Chinese": ((PLAIN + "台灯,b,大台灯\n").encode("gb18030"), "; it looks like GB18030 (Chinese). Save the file"),
    "DOS": ((PLAIN + "Tür,b,Türgriff\n").encode("cp850"), "line 2: the text is not UTF-8 (byte 0x81)"),
    "Mac": ((PLAIN + "Tür,b,Türgriff\n").encode("mac_roman"), "line 2: the text is not UTF-8 (byte 0x9F)"),
    "two encodings": (PLAIN.encode() + "Tür,b,c\n".encode() + "Tür,b,c\n".encode("cp1252"), "line 3: the text"),
    "half a character": (GERMAN.encode("utf-16")[:-1], "line 61: the text is not UTF-16 (byte 0x0A). Save the file as"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_by_its_line(fault: str, tmp_path: Path) -> None:
    content, message = FAULTS[fault]
    assert message in refused(put(tmp_path, content))


@pytest.mark.parametrize(
    "title",
    [
        '"A lamp,\nwith a shade, brass\n\nand more"',
        '"A lamp\r\n- of brass\r\n- with ""shade"""',
        '6" shelf "deluxe" x',
        '"""Deluxe"" lamp"',
        '"{\n  ""brand"": ""A"",\n  ""size"": 5\n}"',
        "'quoted, otherwise'".replace(",", ""),
        "a\0b",
    ],
)
def test_what_only_looks_wrong_is_read(title: str, tmp_path: Path) -> None:
    path = put(tmp_path, PLAIN + ROW + f"lamp,i,{title}\n" + ROW)
    [expected] = csv.reader(io.StringIO(f"lamp,i,{title}\n", newline=""))
    assert read_file(path)["title"].tolist() == ["c", expected[2], "c"]
    assert len(both(path)) == 3


HEADS: dict[str, tuple[bytes, str]] = {
    "another separator": (
        (HEADER + ROWS[1] * 40 + ROWS[1].replace(";", "\t")).encode(), "line 42: the row has 1 field where the header"
    ),
    "another encoding": (
        (HEADER + "Lampe;1;Lampe;1;1\n" * 40).encode() + "Tür;1;Griff;1;1\n".encode("cp1252"),
        "line 42: the text is not UTF-8 (byte 0xFC)",
    ),
    "no byte of Windows": (GERMAN.encode("cp1252") + b"\x81;1;t;1;1\n", "line 62: the text is not Windows-1252 (by"),
    "UTF-8 behind Windows": (GERMAN.encode("cp1252") + GERMAN.encode()[32:], "line 62: here is UTF-8, and the"),
    "an open quote": ((GERMAN + '"Lampe;1;t;1;1\n').encode(), "line 62: the quote that opens here is never closed"),
}  # fmt: skip


@pytest.mark.parametrize("head", HEADS)
def test_what_contradicts_the_beginning_is_named_by_its_line(
    head: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_files, "HEAD_BYTES", 300)
    content, message = HEADS[head]
    assert message in refused(put(tmp_path, content))
    assert message in refused(put(tmp_path, gzip.compress(content), "log.csv.gz"))


@pytest.mark.parametrize("content", [PLAIN + "a,b," + "x" * 900 + "\n", PLAIN + '"' + ROW * 300])
def test_lines_and_fields_have_a_bound(content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_files, "MOST_CHARACTERS", 500)
    monkeypatch.setattr(separated, "MOST_CHARACTERS", 500)
    message = refused(put(tmp_path, content))
    assert (
        "line 2: the line is longer than 500 ch" in message or "line 2: the quote that opens here is not cl" in message
    )


WORDS = (
    "Lampe",
    "groß",
    "Türgriff",
    'Regal 6"',
    "a,b",
    "x;y",
    "1|2",
    "Tab\there",
    "zwei\nZeilen",
    '"',
    "été",
    "",
    " ",
    "0,5",
)
cell = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
NAMES = ("query", "item_id", "title", "Größe", "note")


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(*[cell] * len(NAMES)), min_size=1, max_size=12),
    separator=st.sampled_from(",;\t|"),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]),
    end=st.sampled_from(["\n", "\r\n"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    name=st.sampled_from(["log.csv", "log.tsv", "log.csv.gz"]),
    is_asked=st.booleans(),
    piece=st.integers(1, 5),
)
def test_a_table_comes_back_from_every_dialect(
    rows: list[tuple[str, ...]],
    separator: str,
    encoding: str,
    end: str,
    quoting: Literal[0, 1],
    name: str,
    is_asked: bool,
    piece: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    set_quiet(True)
    text = io.StringIO(newline="")
    if is_asked:
        text.write(f"sep={separator}{end}")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows([NAMES, *rows])
    content = text.getvalue().encode(encoding)
    path = put(tmp_path, gzip.compress(content) if name.endswith(".gz") else content, name)
    expected = [list(column) for column in zip(*rows, strict=True)]
    whole = read_file(path)
    assert list(whole.columns) == list(NAMES)
    assert [whole[name].tolist() for name in NAMES] == expected
    monkeypatch.setattr(separated, "PIECE_ROWS", piece)
    pieces = list(separated_tables(path, "\t" if ".tsv" in name else ","))
    assert [len(one) for one in pieces[:-1]] == [piece] * (len(pieces) - 1)
    assert [[value for one in pieces for value in one[name].to_pylist()] for name in NAMES] == expected


@pytest.mark.slow
def test_an_open_quote_does_not_bring_the_file_into_memory(tmp_path: Path) -> None:
    import tracemalloc

    path = put(tmp_path, PLAIN + '"' + "lamp,i,a brass lamp with a shade of paper\n" * 2_000_000)
    assert path.stat().st_size > 80e6
    tracemalloc.start()
    with pytest.raises(
        InputError, match="line 2: the quote that opens here is not closed within 16,777,216 characters"
    ):
        list(stream_samples(path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 120e6
