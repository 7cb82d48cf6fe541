"""Whether a first token can be nothing but a whole grade.

``1`` may begin ``10``, and ``I`` of a scale of letters may begin "I'm sorry": a token counts as a grade only where the
answer ends with it, or goes on with what no longer grade or word goes on with.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sie_agent.judging.answers import Answer, bare_token, grade_probabilities, spellings

DETAIL_CHARS = 200
# marks by which models end an answer, where a server shows them
END_MARK = re.compile(r"^(?:<[|\uff5c][^<>\n]{1,40}[|\uff5c]>|</?[a-z_]{1,20}>|\[(?:/INST|EOS|DONE)\])+", re.IGNORECASE)
# what may close a grade: the rest has to be blank, or another line
CLOSED = re.compile(r"^[ \t]*[.)\]\"'`*]*[ \t]*(?:\Z|\r?\n)")
# how models begin when they decline
REFUSAL = re.compile(
    r"^\W*(?:i(?:'|\u2019| a)m (?:sorry|unable|not able|afraid)"
    r"|i (?:can(?:not|'t|\u2019t| not)|won(?:'|\u2019)t|will not|apologi[sz]e)"
    r"|sorry\b|i do not feel comfortable|as an ai\b)",
    re.IGNORECASE,
)


def graded_answer(
    alternatives: Sequence[tuple[str, float]],
    first: str,
    text: str,
    tokens: Sequence[str],
    *,
    cut: bool,
    more_tokens: int,
) -> Answer:
    """The answer of a judge that is read by the probabilities of its first token.

    Parameters
    ----------
    alternatives : (token, log-probability in nats) at the first token's place, each distinct token once.
    first : the token that was chosen there, bare. text : all that was said.
    tokens : the scale's tokens. cut, more_tokens : as :func:`ends_after` takes them.
    """
    if REFUSAL.match(text):
        return Answer("refused", "graded", detail=text.strip()[:DETAIL_CHARS])
    status, detail, probabilities = grade_probabilities(alternatives, tokens)
    if status != "ok":
        return Answer(status, "graded", detail=detail)
    said = bare_token(text) or first
    if not said.startswith(first):
        return Answer("out-of-scale", "graded", detail=f"the text is not that of the first token: {said[:40]!r}")
    rest, first = said[len(first) :], spellings(tokens).get(first.lower(), first)
    whole, why = ends_after(first, rest, tokens, cut=cut, more_tokens=more_tokens)
    if not whole:
        return Answer("out-of-scale", "graded", detail=f"{why}: {said.strip()[:40]!r}")
    return Answer("ok", "graded", probabilities=probabilities)


def ends_after(first: str, rest: str, tokens: Sequence[str], *, cut: bool, more_tokens: int) -> tuple[bool, str]:
    """Whether an answer is the grade *first* and no more than that, and if not, why.

    Parameters
    ----------
    first : the first token, bare. Where it is no grade, the likeliest are: only a scale of digits is sure then.
    rest : the text after it. tokens : the scale's tokens.
    cut : whether the answer ended at the limit on its length. more_tokens : how many tokens came after the first.
    """
    digits = all(token.isdigit() for token in tokens)
    if first not in tokens:
        if re.match(r"[-+]?\d", first):
            return False, "the answer is another number"
        return digits, "" if digits else "the answer does not begin with a grade"
    rest = END_MARK.sub("", "".join(bare_token(rest) if not rest.strip() else rest))
    if not rest.strip():
        # blank: a line end or a mark of the end came, or the server said that the answer was over
        if cut and not more_tokens:
            return False, "cut off after the first token, which may not be the whole grade"
        return True, ""
    closed = CLOSED.match(rest)
    if closed and cut and "\n" not in closed[0]:
        # `I...` may go on
        closed = None
    following = rest[closed.end() :].split() if closed else []
    if closed and not (following and following[0].strip(".:)*") in tokens):
        return True, ""
    # `1. Identify` is a list, `0: another kind of thing` the scale itself
    return False, "the answer goes on after the first token"
