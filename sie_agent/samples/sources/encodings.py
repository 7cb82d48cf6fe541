"""East Asian encodings, told by how common the characters are that a text has in each; and how to leave them behind."""

from __future__ import annotations

import codecs
import re
import shlex
from pathlib import Path

# name for iconv; name for people; the codec; the characters that a text in it is full of; the first bytes of the common
# characters, where the standard puts these first
KANA, HANGUL = "\u3041-\u30ff", "\uac00-\ud7a3"
CANDIDATES: tuple[tuple[str, str, str, str, tuple[int, int] | None], ...] = (
    # before GB18030, which has common characters where this has all of its letters
    ("CP949", "CP949 (EUC-KR, Korean)", "euc_kr", HANGUL, None),
    ("GB18030", "GB18030 (Chinese)", "gb18030", "", (0xB0, 0xD7)),
    ("CP932", "CP932 (Shift-JIS, Japanese)", "cp932", KANA, (0x88, 0x98)),
    ("EUC-JP", "EUC-JP (Japanese)", "euc_jp", KANA, (0xB0, 0xCF)),
    ("BIG5", "Big5 (Chinese)", "big5", "", (0xA4, 0xC6)),
)
SPOKEN = {name: spoken for name, spoken, *_ in CANDIDATES}
# of the characters that are not ASCII; signs of punctuation count neither way
COMMON_ENOUGH = 0.8
FEWEST_OF_SCRIPT = 0.1
MOST_WITHIN_WORDS = 0.2
WITHIN_WORDS = re.compile("[a-z][^\x00-\x7f]|[^\x00-\x7f][a-z]")
SIGNS = re.compile("[\u3000-\u303f\uff01-\uff5e\u2010-\u2026]")


def likely_encoding(head: bytes) -> str | None:
    """The East Asian encoding that bytes other than UTF-8 are most likely in, as iconv calls it; None: hard to say."""
    shares = {name: common_share(head, codec, script, first) for name, _, codec, script, first in CANDIDATES}
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] >= COMMON_ENOUGH else None


def common_share(head: bytes, codec: str, script: str, first: tuple[int, int] | None) -> float:
    """The share of common characters among those that are not ASCII; 0 where the bytes are no such text."""
    try:
        text = codecs.getincrementaldecoder(codec)().decode(head)
    except UnicodeDecodeError:
        return 0.0
    letters = [letter for letter in SIGNS.sub("", text) if not letter.isascii()]
    if not letters:
        return 0.0
    # accented letters within words
    if len(WITHIN_WORDS.findall(text)) > MOST_WITHIN_WORDS * len(letters):
        return 0.0
    own = sum(bool(script) and re.match(f"[{script}]", letter) is not None for letter in letters)
    # a text in a language with letters of its own has some of them
    if script and own < FEWEST_OF_SCRIPT * len(letters):
        return 0.0
    common = sum(first is not None and first[0] <= lead(letter, codec) <= first[1] for letter in letters)
    return (own + common) / len(letters)


def lead(letter: str, codec: str) -> int:
    """The first of the two bytes of a character; 0 where it has one or more than two, or is an addition of GBK."""
    written = letter.encode(codec)
    return written[0] if len(written) == 2 and (codec != "gb18030" or written[1] >= 0xA1) else 0


def to_utf8(path: Path, encoding: str) -> str:
    """A command that writes a file in UTF-8 beside it."""
    packed = path.suffix.lower() == ".gz"
    plain = path.with_suffix("") if packed else path
    source, target = (shlex.quote(str(one)) for one in (path, plain.with_name(f"{plain.stem}-utf8{plain.suffix}")))
    if packed:
        return f"gzip -dc {source} | iconv -f {encoding} -t UTF-8 > {target}"
    return f"iconv -f {encoding} -t UTF-8 {source} > {target}"
