"""Encodings that write everything in ASCII: text in them looks like ASCII, and its words are garbage."""

from __future__ import annotations

import base64
import binascii
import re

# of Chinese between ~{ and ~}: pairs of bytes, the first of a row of GB 2312
HZ = re.compile(rb"~\{((?:[\x21-\x77][\x21-\x7e])+?)~\}")
HZ_START = b"~{"
UTF7 = re.compile(rb"\+([A-Za-z0-9+/]*)")
# how people write between such marks: words, numbers, model names
ORDINARY = re.compile(rb"[A-Za-z0-9'-]+(?:[+/~.,][A-Za-z0-9'-]*)*[!?.,:;%]*")
NAME = rb"(?:[A-Z]?[a-z]+|[A-Z]+[0-9]*|[0-9]+[A-Za-z]*)"
WORD = re.compile(NAME + rb"(?:[+/]" + NAME + rb")*[+/]?")
# a text keeps to one of these and to punctuation
SCRIPTS = tuple(
    re.compile(f"[{letters}\u00a0-\u00bf\u2010-\u203a\u20ac\u2122\u00d7]+")
    for letters in (
        "\u00c0-\u024f\u1e00-\u1eff",
        "\u0370-\u03ff",
        "\u0400-\u04ff",
        "\u0590-\u05ff",
        "\u0600-\u06ff",
        "\u0900-\u097f",
        "\u0e00-\u0e7f",
        "\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef",
        "\u3000-\u303f\uac00-\ud7a3\uff00-\uffef",
    )
)
LATIN = SCRIPTS[0]
# of other scripts, fewer letters than these may be chance
FEWEST = 2


def seven_bit_encoding(head: bytes) -> str | None:
    """What Python calls the encoding of 7 bits that a text is in, None where it is plain ASCII or none of them.

    Parameters
    ----------
    head : the beginning of a file.
    """
    if not head.isascii():
        return None
    if is_hz(head):
        return "hz"
    return "utf-7" if is_utf7(head) else None


def is_hz(head: bytes) -> bool:
    """Whether there is Chinese as HZ-GB-2312 writes it, and nothing that only looks like its beginning."""
    sections = HZ.findall(head)
    if not sections or all(ORDINARY.fullmatch(section) for section in sections):
        return False
    # the beginning of a file may end in the middle of a section
    if head.count(HZ_START) > len(sections) + (head.rfind(HZ_START) > head.rfind(b"~}")):
        return False
    try:
        return all((b"~{" + section + b"~}").decode("hz") for section in sections)
    except UnicodeDecodeError:
        return False


def is_utf7(head: bytes) -> bool:
    """Whether every plus sign begins a letter of UTF-7, or is a plus sign of it, and the letters are of one script."""
    texts, strange = [], []
    for found in UTF7.finditer(head):
        section = found[1]
        if found.end() == len(head):
            break
        if not section:
            # +- is a plus sign, and no other is alone
            if head[found.end() : found.end() + 1] != b"-":
                return False
            continue
        text = utf7_letters(section)
        if text is None:
            return False
        texts.append(text)
        strange += [] if WORD.fullmatch(section) else [text]
    whole = "".join(texts)
    script = next((one for one in SCRIPTS if one.fullmatch(whole)), None)
    return bool(strange) and script is not None and (script is LATIN or len("".join(strange)) >= FEWEST)


def utf7_letters(section: bytes) -> str | None:
    """The characters of a section in the base64 of UTF-7 without its ASCII signs, which some writers put there, too.

    None where it is no such section: letters and digits of ASCII are never in one.
    """
    try:
        packed = base64.b64decode(section + b"=" * (-len(section) % 4), validate=True)
        text = packed[: len(packed) // 2 * 2].decode("utf-16-be")
    except (binascii.Error, UnicodeDecodeError):
        return None
    # as it would have been written: of the shortest length, with zeros in what is left of the last sign
    again = base64.b64encode(text.encode("utf-16-be")).rstrip(b"=")
    if again != section or not text or any(one.isascii() and (one.isalnum() or one.isspace()) for one in text):
        return None
    return "".join(one for one in text if not one.isascii())
