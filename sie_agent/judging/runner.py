"""The batch runner: every distinct question is asked once, every answer is on disk before it counts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.judging.answers import Answer
from sie_agent.judging.arrivals import Arrivals
from sie_agent.judging.backends.base import Backend
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.prompts.variants import Variant, load_variant
from sie_agent.judging.questions import Chunk, LookUp
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
    used = session or Session(backend, cache)
    look_up = LookUp(variant, backend, cache, retry_failed=retry_failed)
    for chunk in look_up.chunks(chunks):
        table = judge_chunk(chunk, variant, backend, cache, used)
        used.account.add_table(table)
        yield table


def judge_chunk(
    chunk: Chunk, variant: Variant, backend: Backend, cache: JudgmentCache, session: Session
) -> pd.DataFrame:
    """The judgments of one chunk: from the cache, and from the backend what is not there, committed batch by batch.

    Raises
    ------
    EnvironmentFailure : the disk is full; what had been asked is kept.
    KeyboardInterrupt : the session was stopped by a signal, here or while nothing was asked.
    """
    if session.stopped == "interrupted":
        raise KeyboardInterrupt
    known = frozenset(chunk.answers)
    pending = chunk.pending()
    if session.shown is not None:
        session.shown.advance(len(chunk.rows) - len(pending), note="")
    if pending and session.stopped is None:
        if known:
            say(f"{len(known):,} of {len(chunk.asked):,} different questions were answered in the cache")
        cache.reserve()
        arrivals = Arrivals(variant, chunk.keys, cache, session.told)
        queries = chunk.rows["query"].to_numpy(dtype=object)
        # one query after the other: servers keep the prefix that such requests share
        ordered = sorted(pending, key=lambda question: (str(queries[question.row]), question.row))
        for batch in backend.answer(variant, Drawn(chunk.requests(ordered), session, variant)):
            arrived = arrivals.checked(batch)
            session.keep(arrived, variant)
            chunk.answers |= {one.request.key: (one.answer, one.source) for one in arrived}
            if session.shown is not None:
                session.shown.advance(len(batch), note=session.note())
        if session.failure is not None:
            raise session.failure
        if session.stopped == "interrupted":
            raise KeyboardInterrupt
    # what stands for a question that was never asked
    if session.stopped == "cost":
        stand_in = Answer("not-asked", variant.method, detail="stopped at the limit on cost")
    else:
        stand_in = Answer("unanswered", variant.method, detail="the backend gave no answer")
    for question in pending:
        chunk.answers.setdefault(question.key, (stand_in, chunk.keys.own[0]))
    return judgment_table(chunk, known, variant)
