"""The batch runner: every distinct question is asked once, every answer is on disk before it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.judging.answers import Answer
from sie_agent.judging.arrivals import Arrivals, answers_by_question
from sie_agent.judging.backends import Backend, Source, check_method
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.prompts.variants import Variant, load_variant
from sie_agent.judging.questions import (
    KeyMaker,
    Question,
    Rows,
    cached_answers,
    damage_told,
    distinct_questions,
    known_names,
    requests_for,
    wanted_rows,
)
from sie_agent.judging.session import Drawn, Session
from sie_agent.judging.table import judgment_table
from sie_agent.utils.progress import bar, say


def judge(
    samples: pd.DataFrame,
    variant: Variant | str | Path,
    backend: Backend,
    cache: JudgmentCache,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
    session: Session | None = None,
) -> pd.DataFrame:
    """Judge every pair (relevance) or every distinct query (clarity).

    Parameters
    ----------
    samples : the table of samples. Its grades and labels are dropped before anything else is done.
    variant : from ``load_variant``; or the name of one that ships, or the path of a YAML file.
    backend : from ``make_backend``.
    cache : where answers are kept; what is in it is not asked again.
    limit : only the first so many pairs.
    retry_failed : ask again where the cache holds a lasting failure (transient ones always are).
    session : counts and limits several calls together; one of its own if not given.

    Returns
    -------
    One row per sample, in their order and with their index (clarity: per distinct query in order of appearance,
    ``sample_id`` and ``item_id`` empty), with ``JUDGMENT_COLUMNS``. A row without a grade has a NaN score and
    a status that says why. Where a backend had to use another method, ``variant`` ends in ``+written``; where
    another model stepped in, ``model`` says which.

    Raises
    ------
    InputError : the backend cannot answer the variant, a bad limit, or a column is missing.
    EnvironmentFailure : model missing, server unreachable, cache not writable, disk full.

    Examples
    --------
    >>> import sie_agent as sie
    >>> samples = sie.load_samples("sample", limit=5)
    >>> with sie.JudgmentCache("answers.sqlite") as cache:
    ...     judgments = sie.judge(samples, sie.load_variant("relevance/lexical"), sie.make_backend("lexical"), cache)
    >>> judgments["status"].tolist()
    ['ok', 'ok', 'ok', 'ok', 'ok']
    """
    if limit is not None and limit < 1:
        raise InputError(f"limit is {limit}", hint="Give a number of at least 1")
    asked = variant if isinstance(variant, Variant) else load_variant(variant)
    rows = samples if limit is None else samples.head(limit)
    with bar(f"Judging with {backend.model}", len(rows)) as shown:
        used = session or Session(backend, cache)
        used.shown = shown
        tables = judge_chunks([rows], asked, backend, cache, retry_failed=retry_failed, session=used)
        table = pd.concat(list(tables), ignore_index=True)
        return table if asked.aspect == "clarity" else table.set_axis(rows.index)


def judge_chunks(
    chunks: Iterable[pd.DataFrame],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    *,
    retry_failed: bool = False,
    session: Session | None = None,
) -> Iterator[pd.DataFrame]:
    """Judge a log chunk by chunk: memory is that of one chunk, however long the log.

    Parameters
    ----------
    chunks : tables of samples, such as ``stream_samples`` gives.
    variant, backend, cache, retry_failed, session : as :func:`judge` takes them.

    Yields
    ------
    The judgments of each chunk, as :func:`judge` returns them; of clarity, a query only where it is met first.

    Raises
    ------
    As :func:`judge`; and KeyboardInterrupt, when the session was stopped by a signal and what had been asked has
    been kept.
    """
    check_method(backend, variant)
    used = session or Session(backend, cache)
    keys: KeyMaker | None = None
    seen: set[int] = set()
    with damage_told(cache):
        for chunk in chunks:
            rows = wanted_rows(chunk, variant)
            if variant.aspect == "clarity":
                rows = first_met(rows, seen)
            keys = keys or KeyMaker(variant, backend.sources(variant.method), known_names(cache))
            table = judge_rows(rows, variant, backend, cache, keys, retry_failed, used)
            used.account.add_table(table)
            yield table


def first_met(rows: pd.DataFrame, seen: set[int]) -> pd.DataFrame:
    """The rows whose query no chunk before had; remembers them by hash, which is all that fits for a large log."""
    hashes = pd.util.hash_array(rows["query"].to_numpy(dtype=object)).tolist()
    fresh = [one not in seen for one in hashes]
    seen.update(hashes)
    return rows[fresh].reset_index(drop=True)


def judge_rows(
    rows: pd.DataFrame,
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    keys: KeyMaker,
    retry_failed: bool,
    session: Session,
) -> pd.DataFrame:
    """The judgments of some rows: from the cache, and from the backend what is not there.

    Raises
    ------
    KeyboardInterrupt : the session was stopped by a signal, here or while nothing was asked.
    """
    if session.stopped == "interrupted":
        raise KeyboardInterrupt
    fields = Rows(rows, variant)
    asked, places = distinct_questions(fields, keys)
    answers = cached_answers(asked, fields, keys, cache, retry_failed=retry_failed)
    known = frozenset(answers)
    pending = [question for question in asked if question.key not in answers]
    if session.shown is not None:
        session.shown.advance(len(rows) - len(pending), note="")
    if pending and session.stopped is None:
        if known:
            say(f"{len(known):,} of {len(asked):,} different questions were answered in the cache")
        cache.reserve()
        answers.update(ask(rows, fields, pending, variant, backend, cache, keys, session))
    stand_in = unanswered(session, variant)
    for question in pending:
        answers.setdefault(question.key, (stand_in, keys.own[0]))
    return judgment_table(rows, asked, places, answers, known, variant)


def ask(
    rows: pd.DataFrame,
    fields: Rows,
    pending: list[Question],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    keys: KeyMaker,
    session: Session,
) -> dict[str, tuple[Answer, Source]]:
    """Put the pending questions to the backend; answers are committed batch by batch.

    Raises
    ------
    EnvironmentFailure : the disk is full; what had been asked is kept.
    KeyboardInterrupt : the session was stopped by a signal; what had been asked is kept.
    """
    answers: dict[str, tuple[Answer, Source]] = {}
    arrivals = Arrivals(variant, keys, cache, session.told)
    queries = rows["query"].to_numpy(dtype=object)
    # one query after the other: servers keep the prefix that such requests share
    ordered = sorted(pending, key=lambda question: (str(queries[question.row]), question.row))
    drawn = Drawn(requests_for(ordered, fields, keys), session, variant)
    for batch in backend.answer(variant, drawn):
        arrived = arrivals.checked(batch)
        session.keep(arrived, variant)
        answers.update(answers_by_question(arrived))
        if session.shown is not None:
            session.shown.advance(len(batch), note=session.note())
    if session.failure is not None:
        raise session.failure
    if session.stopped == "interrupted":
        raise KeyboardInterrupt
    return answers


def unanswered(session: Session, variant: Variant) -> Answer:
    """What stands for a question that was never asked."""
    if session.stopped == "cost":
        return Answer("not-asked", variant.method, detail="stopped at the limit on cost")
    return Answer("unanswered", variant.method, detail="the backend gave no answer")
