"""Take out of item text what is meant for the judge: orders, grades, imitated turns, stuffed words, look-alikes.

Text is only searched for what it says of grading, of searching or of the conversation, never for a product's own
words: "Grade 304 stainless", "5 star rated" and "exactly what your kitchen needs" stay. A million rows pass through
here, so nearly all of them leave after one search.
"""

from __future__ import annotations

import re

# Compatibility forms that draw a plain letter or digit in another dress: small capitals apart, NFKC knows them.
DRESSED = re.compile("[\uff01-\uff5e\u2460-\u24ff\u2776-\u2793\U0001d400-\U0001d7ff\U0001f130-\U0001f189]")
SMALL_CAPITALS = dict(zip(map(ord, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"), "abcdefghijklmnoprstuvwyz", strict=True))
NEGATIVE_SQUARES = {0x1F130 + place: letter for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")} | {
    first + place: letter for first in (0x1F150, 0x1F170) for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")
}
# Cyrillic and Greek letters that are drawn like Latin ones
TWINS = dict(
    zip(
        map(ord, "аеорсхуіјѕһԁԛԝкАВЕНКМОРСТХІЈЅУοανυρικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"),
        "aeopcxyijshdqwkABEHKMOPCTXIJSYoavupikABEZHIKMNOPTYX",
        strict=True,
    )
)
TWIN = re.compile(f"[{''.join(map(chr, TWINS))}]")
WORD = re.compile(r"\w+")
LATIN_LETTER = re.compile("[A-Za-z]")
OTHER_SCRIPT = re.compile("[\u0370-\u03ff\u0400-\u052f]")
# no written language stacks three of these on one letter; keycaps and emoji selectors are dress as well
FLOODS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]{3,}|[\ufe00-\ufe0f\u20e3]+")

# What cannot come from an honest product text: the prompt's tags, chat templates' turns, answers in JSON.
MARKER = re.compile(
    r"""
      [<\u2039(\[{]?[<\u2039]\s*[/|!?\uff0f\uff5c]*\s*(?:item|query|system|user|assistant|model|developer|tool|sys|inst|
        im_|eot|start|end|begin|rubric|rules?|grade|answer|rating|examples?|\[?CDATA)\w*
    | &lt;\s*/?\s*(?:item|query|system|rules?|rubric|grade|answer)\b
    | [(\[]\s*/?\s*(?:INST|SYS|ITEM|QUERY)\b
    | \]\]\s*>
    | \u00ab\s*(?:system|assistant|developer|user)\s*\u00bb
    | \#{2,}\s*(?:system|assistant|user|human|response|instructions?|answer)\b
    | (?:^|[\s.:;|\]\[)(!?"'\u2026-])(?:system(?:\s+message)?|assistant|human|user|developer|ai)\s*:\s*(?=\S)
    | [-=*\u2014_#]{2,}\s*(?:end|start|begin)\b[^-=*_#]{0,40}[-=*\u2014_#]{2,}
    | \[\s*(?:end|start|begin)\s+of\b[^\]]{0,40}\]
    | \b(?:end|start)\s+of\s+(?:the\s+)?(?:seller'?s?\s+text|item|data|list|listing|query|prompt)\b
    | ["'\u201c]?(?:grade|score|rating|answer|relevance|rationale|role|match|result)["'\u201d]\s*[:=]
    | \{\s*["']?(?:grade|score|rating|answer|relevance|rationale|role|match|query)["']?\s*[:=]
    | ```
    """,
    re.VERBOSE | re.IGNORECASE,
)
