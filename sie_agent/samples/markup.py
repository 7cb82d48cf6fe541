"""Tags of HTML told from what only has their brackets: "a<b and c>d" is not a tag, and ``<p class="x">`` is."""

from __future__ import annotations

import re

ELEMENTS = """
    a abbr acronym address applet area article aside audio b base basefont bdi bdo big blink blockquote body br button
    canvas caption center cite code col colgroup data datalist dd del details dfn dialog dir div dl dt em embed fieldset
    figcaption figure font footer form frame frameset h1 h2 h3 h4 h5 h6 head header hgroup hr html i iframe image img
    input ins isindex kbd label legend li link main map mark marquee menu meta meter nav nobr noframes noscript object
    ol optgroup option output p param picture pre progress q rp rt ruby s samp script section select small source span
    strike strong style sub summary sup svg table tbody td template textarea tfoot th thead time title tr track tt u ul
    var video wbr
"""
# attributes that stand without a value
BARE = """
    allowfullscreen async autofocus autoplay checked compact controls declare default defer disabled download hidden
    ismap itemscope loop multiple muted nohref noresize noshade novalidate nowrap open readonly required reversed
    selected
"""
KNOWN, ALONE = frozenset(ELEMENTS.split()), frozenset(BARE.split())
TAG = re.compile(
    r"""<(?P<end>/?)(?P<name>[a-zA-Z][\w:-]*+)
    (?P<rest>(?:[\s/]*+ [^\s"'<>/=]++ (?:\s*+=\s*+ (?:"[^"]*+" | '[^']*+' | [^\s"'<>]++))?+)*+)
    [\s/]*+>""",
    re.VERBOSE,
)
ATTRIBUTE = re.compile(r"""([^\s"'<>/=]++)(\s*+=\s*+(?:"[^"]*+"|'[^']*+'|[^\s"'<>]++))?+""")


def without_tags(text: str) -> str:
    """The text with a space in the place of every tag."""
    return TAG.sub(lambda found: " " if is_tag(found) else found[0], text)


def is_tag(found: re.Match[str]) -> bool:
    """Whether what looks like a tag is one: a known element (or one of a namespace: ``o:p``), with real attributes."""
    name = found["name"].lower()
    if name not in KNOWN and ":" not in name:
        return False
    return all(value or bare.lower() in ALONE for bare, value in ATTRIBUTE.findall(found["rest"]))
