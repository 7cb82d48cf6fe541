"""Text files as they come: what is in them, how they are encoded, and their lines, each of bounded length."""

from __future__ import annotations

import codecs
import gzip
import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import IO, cast

from sie_agent.errors import InputError
from sie_agent.samples.sources.encodings import SPOKEN as EAST_ASIAN
from sie_agent.samples.sources.encodings import likely_encoding, to_utf8
from sie_agent.samples.sources.seven_bits import seven_bit_encoding
from sie_agent.utils.progress import say

HEAD_BYTES = 1024 * 1024
MOST_CHARACTERS = 16 * 1024 * 1024
BLOCK_BYTES = 64 * 1024
GZIP = b"\x1f\x8b"
# one may be part of a broken text; several are what a crash or another format leaves
ZEROS = "\0\0"
WESTERN = "cp1252"

# what a file begins with, what that makes it, and what to do
KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"PAR1", "a Parquet file", "Rename it so that its name ends in .parquet"),
    (b"PK\x03\x04", "an Excel workbook or another zip archive", "Save the sheet as CSV (UTF-8), or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "Save the sheet as CSV (UTF-8)"),
    (b"%PDF", "a PDF", "Export the table as CSV (UTF-8)"),
    (b"SQLite format 3\0", "an SQLite database", "Export the table as CSV or Parquet"),
    (b"ARROW1", "an Arrow file", "Write it as Parquet"),
    (b"ORC", "an ORC file", "Write it as Parquet"),
    (b"Obj\x01", "an Avro file", "Write it as Parquet"),
    (GZIP, "packed with gzip twice", "Unpack it once"),
    (b"BZh", "a bzip2 archive", "Unpack it, or pack it with gzip (.gz)"),
    (b"\xfd7zXZ", "an xz archive", "Unpack it, or pack it with gzip (.gz)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive", "Unpack it, or pack it with gzip (.gz)"),
    (b"7z\xbc\xaf", "a 7-Zip archive", "Unpack it, or pack it with gzip (.gz)"),
)
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# by which such encodings change to other characters
SHIFTS = (b"\x1b$", b"\x1b(", b"\x1b)")
SPOKEN = {
    "utf-8-sig": "UTF-8",
    "utf-16": "UTF-16",
    "utf-16-le": "UTF-16 without a byte order mark",
    "utf-16-be": "UTF-16 without a byte order mark",
    "utf-32": "UTF-32",
    WESTERN: "Windows-1252 (Western European)",
}
# the same of texts
TEXT_KINDS = (
    (
        re.compile(r"<(?:!doctype|html|head|body|table|\?xml|\w+[ >])", re.IGNORECASE),
        "HTML or XML",
        "Export the table as CSV; a page that says why it could not be downloaded looks like this, too",
    ),
    (
        re.compile(r'\{\s*["}]|\[\s*[\[{"]'),
        "JSON",
        "Rename it so that its name ends in .jsonl, with one JSON object per line",
    ),
)

HIGH_LETTERS = "À-ÖØ-öø-ÿŠŒŽšœžŸ"
# what another encoding looks like when it is read as Windows-1252: long runs of accented letters (Cyrillic, Greek,
# East Asian), capitals or signs in the middle of a word (Mac Roman, DOS, Central European)
NOT_WESTERN = re.compile(
    f"[{HIGH_LETTERS}]{{4,}}"
    "|(?<=[A-Za-z])[À-ÖØ-ÞŠŒŽŸ](?=[a-z])"
    f"|(?<=[A-Za-z])[^\\x00-\\x7f{HIGH_LETTERS}’‘´·°\\xa0\\xad–—…®™×«»](?=[a-z])"
    # bytes of one Chinese character
    f"|[{HIGH_LETTERS}][¢-§¨©¬¯±-³µ¶¸¹¼-¾]|[¢-§¨©¬¯±-³µ¶¸¹¼-¾][{HIGH_LETTERS}]"
    # of a Japanese one; a lens has ƒ/1.8
    r"|ƒ(?![/ ]?\d)|‚(?![\w\s])"
)
UTF8_READ_AS_WESTERN = re.compile("[ÂÃ][\\x80-\\xbf€‚ƒ„…†‡ˆ‰‹‘’“”•–—˜™š›œžŸŠŒŽ]|â€")
WESTERN_ERRORS = 0.02


class TextLines:
    """The lines of a text file with their ends, counted; a context manager.

    Parameters
    ----------
    path : the file, gzipped or not.
    encoding : as :func:`encoding_of` gives it.

    Attributes
    ----------
    number, characters : how many lines and characters were given so far.
    """

    def __init__(self, path: Path, encoding: str) -> None:
        self.number = 0
        self.characters = 0
        self._path = path
        self._encoding = encoding
        self._stream = io.TextIOWrapper(opened(path), encoding=encoding, newline="")

    def __enter__(self) -> TextLines:
        return self

    def __exit__(self, *error: object) -> None:
        self._stream.close()

    def __iter__(self) -> Iterator[str]:
        """The lines.

        Raises
        ------
        InputError : a line is too long, holds zero bytes, or is in another encoding.
        """
        readline = self._stream.readline
        is_western = self._encoding == WESTERN
        try:
            while line := readline(MOST_CHARACTERS + 1):
                self.number += 1
                self.characters += len(line)
                if len(line) > MOST_CHARACTERS:
                    problem = f"the line is longer than {MOST_CHARACTERS:,} characters"
                    raise self._fault(problem, "Look for line ends that were lost, or shorten the text")
                if ZEROS in line:
                    hint = "The file is damaged, or is not text: copy or export it again"
                    raise self._fault("the line holds zero bytes", hint)
                if is_western and UTF8_READ_AS_WESTERN.search(line):
                    problem = "here is UTF-8, and the text before is Windows-1252"
                    raise self._fault(problem, "Save all of it as UTF-8")
                yield line
        except UnicodeError:
            raise undecodable(self._path, self._encoding) from None

    def _fault(self, problem: str, hint: str) -> InputError:
        return InputError(problem, where=f"{self._path}, line {self.number}", hint=hint)


def opened(path: Path) -> IO[bytes]:
    """The bytes of a file, unpacked if its name or its first bytes say that it is gzipped; the caller closes it."""
    packed = path.name.lower().endswith(".gz") or begins_like_gzip(path)
    return cast(IO[bytes], gzip.open(path, "rb") if packed else path.open("rb"))


def begins_like_gzip(path: Path) -> bool:
    """Whether the first bytes of a file are those of gzip."""
    with path.open("rb") as stream:
        return stream.read(len(GZIP)) == GZIP


def head_of(path: Path) -> tuple[bytes, bool]:
    """The first bytes of a file, unpacked, and whether they are all."""
    with opened(path) as stream:
        head = stream.read(HEAD_BYTES + 1)
    return head[:HEAD_BYTES], len(head) <= HEAD_BYTES


def encoding_of(path: Path, *, western: bool) -> str:
    """The encoding of a text file, told from its beginning.

    Parameters
    ----------
    path : the file.
    western : whether bytes that are not UTF-8 may be Windows-1252, as Excel writes it.

    Raises
    ------
    InputError : the file is of another kind than text, or its encoding cannot be told.
    """
    head, whole = head_of(path)
    for start, kind, hint in KINDS:
        if head.startswith(start):
            raise InputError(f"is {kind}, whatever its name says", where=path, hint=hint)
    for mark, encoding in MARKS:
        if head.startswith(mark):
            return encoding
    if wide := wide_encoding(head):
        return wide
    if any(sign in head for sign in SHIFTS):
        problem = "is in an encoding of 7 bits (ISO-2022, as Japanese, Korean and Chinese mail has it)"
        raise InputError(problem, where=path, hint="Save the file as UTF-8")
    if (seven := seven_bit_encoding(head)) is not None:
        problem = f"is in the encoding {seven.upper()}, which writes other letters in ASCII"
        hint = "Save the file as UTF-8; if it is that already, with a byte order mark"
        raise InputError(problem, where=path, hint=hint)
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head, final=whole)
    except UnicodeDecodeError:
        if western and is_western(head):
            return WESTERN
        raise undecodable(path, "utf-8-sig") from None
    return "utf-8-sig"


def wide_encoding(head: bytes) -> str | None:
    """UTF-16 without a byte order mark: every other byte is zero wherever the text is Latin."""
    zeros = head[0::2].count(0), head[1::2].count(0)
    if not any(zeros) or min(zeros) * 50 > max(zeros) or max(zeros) * 20 < len(head):
        return None
    encoding = "utf-16-le" if zeros[1] > zeros[0] else "utf-16-be"
    try:
        codecs.getincrementaldecoder(encoding)().decode(head)
    except UnicodeDecodeError:
        return None
    return encoding


def is_western(head: bytes) -> bool:
    """Whether bytes that are not UTF-8 make sense as Windows-1252."""
    try:
        text = head.decode(WESTERN)
    except UnicodeDecodeError:
        return False
    high = sum(not character.isascii() for character in text)
    strange = sum(len(found.group()) for found in NOT_WESTERN.finditer(text))
    return not UTF8_READ_AS_WESTERN.search(text) and strange <= WESTERN_ERRORS * high


def undecodable(path: Path, encoding: str) -> InputError:
    """A file goes on in another encoding than it began in, or is in none that can be told."""
    decoder = codecs.getincrementaldecoder(encoding)()
    line, last, found = 1, "", b""
    with opened(path) as stream, suppress(UnicodeError):
        try:
            while block := stream.read(BLOCK_BYTES):
                text = decoder.decode(block)
                line += line_ends(text, last)
                last = text[-1:] or last
            decoder.decode(b"", final=True)
        except UnicodeDecodeError as error:
            found = error.object[error.start : error.start + 1]
            line += line_ends(error.object[: error.start].decode(encoding, "ignore"), last)
    shown = f" (byte 0x{found.hex().upper()})" if found else ""
    name = SPOKEN[encoding].split(" ")[0]
    problem, hint = f"the text is not {name}{shown}", "Save the file as UTF-8"
    likely = likely_encoding(head_of(path)[0]) if encoding == "utf-8-sig" else None
    if likely is not None:
        problem += f"; it looks like {EAST_ASIAN[likely]}"
        hint += f", with: {to_utf8(path, likely)}"
    return InputError(problem, where=f"{path}, line {line}", hint=hint)


def line_ends(text: str, last: str) -> int:
    """How many lines end in a text; *last* is the character before it."""
    return text.count("\n") + text.count("\r") - text.count("\r\n") - (last == "\r" and text.startswith("\n"))


def decoded_head(path: Path, encoding: str) -> tuple[list[str], bool]:
    """The whole lines of a file's beginning, and whether they are all that it has."""
    head, whole = head_of(path)
    text = codecs.getincrementaldecoder(encoding)("ignore").decode(head, final=whole)
    lines = list(io.StringIO(text, newline=""))
    # half a line tells nothing
    return (lines if whole or len(lines) < 2 else lines[:-1]), whole


def refuse_other_text(lines: list[str], path: Path) -> None:
    """Raise InputError where a table's file holds markup or JSON."""
    start = "".join(lines[:20]).lstrip()[:200]
    for pattern, kind, hint in TEXT_KINDS:
        if pattern.match(start):
            raise InputError(f"is {kind}, whatever its name says", where=path, hint=hint)


def version_of(path: Path) -> tuple[int, bytes]:
    """What tells a file from what it was before: its size, and a hash of its beginning."""
    head, _ = head_of(path)
    return path.stat().st_size, hashlib.blake2b(head, digest_size=16).digest()


@lru_cache(maxsize=4096)
def say_once(message: str, version: object = None) -> None:
    """Tell something of a source that is read several times."""
    say(message)
