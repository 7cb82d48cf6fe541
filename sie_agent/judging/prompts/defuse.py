"""Take out of item text what is meant for the judge: orders, grades, imitated turns, stuffed words, look-alikes.

A piece of text goes only for what it says of grading, of the search or of the conversation, never for a product's own
words: "Grade 304 stainless", "5 star rated" and "sizes 1 to 3" stay. What was taken out costs the judge little where it
was honest, since it said nothing about the product. This is one layer: the fence, the rule and the worked examples of
the prompt stand behind it (measured by scripts/experiments/hostile/measure.py).
"""

from __future__ import annotations

import re
import unicodedata

# Compatibility forms that draw a plain letter or digit in another dress; NFKC undoes all but the squares and capitals.
DRESSED = re.compile(
    "[\u1d00-\u1d7f\ua730\ua731\u0262\u026a\u0274\u0280\u028f\u0299\u029c\u029f\uff01-\uff5e\u2070-\u209c\u2460-\u24ff"
    "\u2776-\u2793\U0001d400-\U0001d7ff\U0001f130-\U0001f189]+"
)
SMALL_CAPITALS = dict(zip(map(ord, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"), "abcdefghijklmnoprstuvwyz", strict=True))
SQUARES = {
    first + place: letter
    for first in (0x1F130, 0x1F150, 0x1F170)
    for place, letter in enumerate("abcdefghijklmnopqrstuvwxyz")
}
# Cyrillic and Greek letters that are drawn like Latin ones: they are told by standing in a word with Latin ones, or in
# a text that has no word of their own script
TWINS = dict(
    zip(
        map(ord, "аеорсхуіјѕһԁԛԝкАВЕНКМОРСТХІЈЅУοανυρικΑΒΕΖΗΙΚΜΝΟΡΤΥΧ"),
        "aeopcxyijshdqwkABEHKMOPCTXIJSYoavupikABEZHIKMNOPTYX",
        strict=True,
    )
)
LATIN_LETTER = re.compile("[A-Za-z]")
OTHER_SCRIPT = re.compile("[\u0370-\u03ff\u0400-\u052f]")
WORD = re.compile(r"\w+")
# no written language stacks three of these on one letter; keycaps and emoji selectors are dress as well
FLOODS = re.compile("(?:[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff]\u0334?){3,}|[\ufe00-\ufe0f\u20e3]+")
# letters held apart: "g r a d e", "3 . 3"
SPACES = re.compile(r"[ ._*-]")
SPACED = re.compile(r"(?<!\w)(?:[A-Za-z][ ._*-]){4,}[A-Za-z0-9](?!\w)")

# Where a piece of text ends. A full stop counts only before a space, so that 2.5 and 4.0GHz hold together.
BREAK = re.compile(r"([.!?]+(?=\s|$)|[;\u3002\uff01\uff1f\u2022]|[()\[\]{}]|\s[-|\u2013\u2014+~]\s)")

TOP = r"(?:3|three|iii|tres|trois|drei|tre|highest|maximum|max|top|full|perfect|best)"
ENDS = r"(?=\s*(?:$|[^\w\s/-]|for\b|because\b|and\b|as\b|whatever\b))"
GRADE = (
    r"(?:grad(?:e|es|ing)|scor(?:e|es|ing)|rating|relevan(?:ce|cy|z|cia)|digit|verdict|note|nota|ziffer|puntuaci[oó]n"
    r"|bewertung|calificaci[oó]n|valutazione|punteggio|r[eé]ponse|respuesta|antwort)"
)
SAY = (
    r"(?:answer|respond|reply|output|write|choose|pick|select|give|assign|return|print|say|rate|grade|score|deserves?"
    r"|receives?|earns?|merits?|award|contesta|responde?|r[eé]ponds?|r[eé]pondez|antworten?|antworte|gib|vergib|donnez"
    r"|donne|rispondi|assegna)"
)
JUDGE = r"(?:ai|assistant|llm|language\s+model|chatbot|grader|judge|evaluator|rater|annotator)"
TAG = r"(?:item|query|system|user|assistant|model|developer|tool|sys|inst|im_|eot|start|end|rubric|rule|grade|example)"
WANTED = r"(?:search|quer(?:y|ies)|shoppers?|request|intent)"

# What is said to or about a judge. Each is cut from where it begins to the end of its piece.
ORDERS = re.compile(
    rf"""
    # the prompt's own tags, chat templates' turns, answers in JSON
      [<\u2039]\s*[/|!?\uff0f\uff5c<\u2039]*\s*{TAG}\w*[^>\u203a]{{0,20}}[>\u203a|]*
    | &lt;\s*/?\s*{TAG} | \]\]\s*> | ``` | \[?/?\bINST\b | \#{{2,}}\s*{TAG}
    | [-=*\u2014_\#]{{2,}}\s*(?:end|start|begin)\b
    | (?<![\w-])(?:system(?:\s+(?:message|prompt))?|assistant|human|user|developer|shopper\s*\d*|judge)\s*[:>]
    | \b(?:end|start)\s+of\s+(?:the\s+)?(?:seller|item|data|list|query|prompt|rubric|text|input|context)
    | ["'\u201c\u2018]?\b(?:grade|score|answer|relevance|rationale|role|verdict)["'\u201d\u2019]?\s*(?:[:=]|->|\u2192)
    # a grade that is claimed
    | \b{GRADE}\b\W{{0,4}}(?:\w+\W+){{0,4}}?(?:{TOP}|100\s*%){ENDS}
    | \b{TOP}\W{{1,3}}(?:possible\s+|available\s+)?(?:grade|score|rating|relevance)s?\b
    | \b(?:right|correct|proper|true|final|only|expected)\s+(?:valid\s+)?(?:digit|grade|answer|rating|score)
    | (?:->|=>|\u2192)\s*3\b | \b3\s*=\s*[a-z] | \b3\s*/\s*3\b(?!\s*[-/])
    # an order
    | \b{SAY}\b\W+(?:\w+\W+){{0,6}}?{TOP}{ENDS}
    | \b(?:ignore|disregard|forget|skip|overrule|oublie[rz]?|ignore[rz]|ignora|olvida|ignorier\w*|vergiss|dimentica)\s+
        (?:\w+\s+){{0,4}}?(?:rule|instruct|prior|previous|above|earlier|rubric|scale|criteri|prompt|grad|rating|what|other
        |consigne|r[eé]gl|regel|anweis|istruzion|instruc)\w*
    | \b(?:new|updated|changed|additional|special|hidden|secret|following)\s+(?:instruction|rule|guideline|task|prompt)
    | \b(?:dear|attention|note\s+to|message\s+(?:to|for)|hey|hello)\s+(?:the\s+|all\s+|any\s+)?{JUDGE}s?\b
    | \byou\s+are\s+(?:now\s+)?(?:an?|the)\s+(?:\w+\s+)?{JUDGE}\b | \b{JUDGE}s\b\s*(?::|,|must|should|shall|have)
    | \b(?:this|another|other|our|new|grading|rating)\s+(?:scale|rubric|guide(?:line)?)\s+(?:is|holds|applies|says)\b
    | \baddendum\s+to\b | \bgrading\s+(?:guide|rubric|scale|rules?)\b
    # what the search is said to be, or how well it is met
    | \b(?:fits?|meets?|match(?:es|ed)?|answers?|satisf\w+|for|to)\s+(?:the|this|your|every|any|all|each)\s+
        (?:\w+\s+)?{WANTED}
    | \b(?:search(?:ed|es)?|shoppers?|quer(?:y|ies))\s+
        (?:words?|terms?|changed|was|were|wants?|wanted|meant|means|typed)\b
    | \b(?:exact|perfect|best|full|verified|confirmed|100\s*(?:%|percent))\s+(?:match|answer|result|hit)\b
    | \bmost\s+likely\s+looking\s+for | \b(?:highly|fully|most|completely)\s+relevant
    | \b(?:keywords?|tags?|search\s*terms?|search\s*words?|related\s+searches|suchbegriffe
        |palabras\s+clave)\s*:
    | \b(?:category|catalogue|catalog|title|listing)\s+correction\b
    # the same in Chinese, Japanese and Russian
    | 给出|回答|输出|评为|忽略|无视|最高分|满分|评分
    | 指示|無視|評価|スコア|答え|満点
    | \b(?:ответ|оценк|игнорир|правил)
    """,
    re.VERBOSE | re.IGNORECASE,
)
# Every order holds a word that begins so, or one of the signs: a million rows pass through here, and nearly all leave
# after looking for them.
STEM = 5
BEGINNINGS = (
    "grade gradi score scori ratin rate relev digit verdi note nota ziffe puntu bewer calif valut punte repon répon"
    " respu antwo answe respo reply outpu write choos pick selec give assig retur print say deser recei earn earns"
    " merit award conte gib vergi donne rispo asseg ignor disre forge skip overr oubli olvid dimen instr rule rules"
    " guide task promp rubri adden scale syste assis human user devel shopp judge searc query queri reque inten match"
    " hit resul likel keywo tag tags relat suchb palab corre role ratio item inst end start begin secre hidde messa"
    " dear atten ai llm chatb evalu rater annot langu"
)
STEMS = frozenset(BEGINNINGS.split())
SIGNS = ("<", "=", ">", "&lt;", "```", "]]", "##", "3/3", "3 / 3")
LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz")
FEWEST_APART = 4
PUNCTUATION = str.maketrans(dict.fromkeys("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", " "))
# a word may come so often in one field, or be such a share of it: enough for "Tile, 3 in. Tile Sample, Floor Tile" and
# for the small words of a long description, too little to drum it in
MOST_REPEATS = 3
LARGEST_SHARE = 12
SHORTEST_DRUMMED = 4


def defused(text: str, trusted: bool = False) -> str:
    """The text without what is meant for a judge.

    Parameters
    ----------
    text : a title, a description or attributes, on one line.
    trusted : whether what stands beside an order is still read. It is in a title, without which there is no product;
        of a description that speaks to the judge no word is believed.

    Returns
    -------
    str
        The same text where there is nothing to take out; an empty one where nothing is left.
    """
    plain = text.isascii()
    if not plain:
        text = undressed(text)
    lowered = text.lower()
    words = lowered.translate(PUNCTUATION).split()
    stems = {word[:STEM] for word in words}
    if not plain or is_suspicious(lowered, stems):
        kept = without_orders(text)
        if kept is not text:
            return without_repeats(kept) if trusted else ""
    return without_repeats(text) if len(words) - len(stems) >= MOST_REPEATS else text


def is_suspicious(lowered: str, stems: set[str]) -> bool:
    """Whether the long search is worth its time."""
    if not STEMS.isdisjoint(stems) or len(stems & LETTERS) >= FEWEST_APART:
        return True
    return any(map(lowered.__contains__, SIGNS))


def undressed(text: str) -> str:
    """Letters in disguise as plain ones: mathematical, circled and full-width forms, look-alikes of other scripts."""
    text = FLOODS.sub("", text)
    if DRESSED.search(text):
        text = text.translate(SMALL_CAPITALS).translate(SQUARES)
        text = DRESSED.sub(lambda found: unicodedata.normalize("NFKC", found.group()), text)
    if OTHER_SCRIPT.search(text):
        words = WORD.findall(text)
        disguised = any(OTHER_SCRIPT.search(word) and LATIN_LETTER.search(word) for word in words)
        if disguised or all(not OTHER_SCRIPT.search(word.translate(TWINS)) for word in words):
            text = text.translate(TWINS)
    return text


def without_orders(text: str) -> str:
    """Each piece of the text up to where it turns to the judge; the very same text where it never does."""
    together = SPACED.sub(lambda found: SPACES.sub("", found.group()), text)
    pieces = BREAK.split(together)
    found = [ORDERS.search(piece) for piece in pieces[::2]]
    if not any(found):
        return text
    pieces[::2] = [piece[: order.start()] if order else piece for piece, order in zip(pieces[::2], found, strict=True)]
    return tidied("".join(pieces))


def tidied(text: str) -> str:
    """Without the punctuation that held what was taken out."""
    text = re.sub(r"[(\[{]\s*[)\]}]", " ", text)
    text = re.sub(r"(?:\s*[.;|,:]){2,}", ". ", text)
    return re.sub(r"\s{2,}", " ", text).strip(" .;|,:-+~([{\"'")


def without_repeats(text: str) -> str:
    """Each word at most a few times: the rest is drumming, and takes the room of what describes the product."""
    counts: dict[str, int] = {}
    kept: list[str] = []
    words = text.split(" ")
    most = max(MOST_REPEATS, len(words) // LARGEST_SHARE)
    for word in words:
        bare = word.strip(".,;:!?()|-").lower()
        counts[bare] = counts.get(bare, 0) + (len(bare) >= SHORTEST_DRUMMED and bare.isalpha())
        if counts[bare] <= most:
            kept.append(word)
    return " ".join(kept)
