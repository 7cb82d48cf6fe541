"""The batch runner: every distinct question is asked once, every answer is on disk before it counts.

Where several models answer a log, each of them judges a sample of the same pairs, so that their agreement is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.judging.answers import Answer, score_answer
from sie_agent.judging.arrivals import Arrivals
from sie_agent.judging.backends.base import Backend
from sie_agent.judging.backends.http.openai import OpenAIBackend
from sie_agent.judging.cache.database import JudgmentCache
from sie_agent.judging.composite import composite_table
from sie_agent.judging.prompts.variants import PER_ROW, Variant, asked_variants, is_composite, load_variant
from sie_agent.judging.questions import Chunk, LookUp
from sie_agent.judging.session import Drawn, Session
from sie_agent.judging.table import judgment_table
from sie_agent.utils.arrays import Doubles
from sie_agent.utils.progress import bar, say

# a column beside those of the log, while rows are chosen
HASH = "_hash_of_sample_id"


def judge(
    samples: pd.DataFrame,
    variant: Variant | str | Path,
    backend: Backend,
    cache: JudgmentCache,
    *,
    limit: int | None = None,
    retry_failed: bool = False,
    session: Session | None = None,
    repeat: int = 0,
) -> pd.DataFrame:
    """Judge every pair (relevance, preference), every distinct query (clarity) or every distinct item (profile).

    Parameters
    ----------
    samples : the table of samples. Its grades and labels are dropped before anything else is done.
    variant : from ``load_variant``; or the name of one that ships, or the path of a YAML file.
    backend : from ``make_backend``.
    cache : where answers are kept; what is in it is not asked again.
    limit : only the first so many pairs.
    retry_failed : ask again where the cache holds a lasting failure (transient ones always are).
    session : counts and limits several calls together; one of its own if not given.
    repeat : 0, or the number of the repeat where the same is asked again on purpose: such answers are kept apart.

    Returns
    -------
    One row per sample, in their order and with their index (clarity: per distinct query in order of appearance,
    ``sample_id`` and ``item_id`` empty; profile: per distinct item, ``sample_id`` and ``query`` empty), with
    ``JUDGMENT_COLUMNS``. A row without a judgment has a NaN score and a status that says why. Where a backend had to
    use another method, ``variant`` ends in ``+written``; where another model stepped in, ``model`` says which.

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
        tables = judge_chunks([rows], asked, backend, cache, retry_failed=retry_failed, session=used, repeat=repeat)
        table = pd.concat(list(tables), ignore_index=True)
        return table.set_axis(rows.index) if asked.aspect in PER_ROW else table


def judge_chunks(
    chunks: Iterable[pd.DataFrame],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    *,
    retry_failed: bool = False,
    session: Session | None = None,
    repeat: int = 0,
) -> Iterator[pd.DataFrame]:
    """Judge a log chunk by chunk: memory is that of one chunk, however long the log.

    Parameters
    ----------
    chunks : tables of samples, such as ``stream_samples`` gives.
    variant, backend, cache, retry_failed, session, repeat : as :func:`judge` takes them.

    Yields
    ------
    The judgments of each chunk, as :func:`judge` returns them; of clarity, a query only where it is met first. The
    opponents of a ``pairwise`` variant are items of the same chunk.

    Raises
    ------
    As :func:`judge`; and KeyboardInterrupt, when the session was stopped by a signal and what had been asked has
    been kept.
    """
    used = session or Session(backend, cache)
    if is_composite(variant):
        tables = composite_tables(chunks, variant, backend, cache, used, retry_failed=retry_failed, repeat=repeat)
    else:
        look_up = LookUp(variant, backend, cache, retry_failed=retry_failed, repeat=repeat)
        tables = (judge_chunk(chunk, variant, backend, cache, used) for chunk in look_up.chunks(chunks))
    for table in tables:
        used.account.add_table(table)
        yield table


def composite_tables(
    chunks: Iterable[pd.DataFrame],
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    session: Session,
    *,
    retry_failed: bool,
    repeat: int = 0,
) -> Iterator[pd.DataFrame]:
    """The judgments of each chunk by a variant of several questions, all of which are asked before the next chunk."""
    parts = asked_variants(variant).values()
    look_ups = {part.name: LookUp(part, backend, cache, retry_failed=retry_failed, repeat=repeat) for part in parts}

    def ask(part: Variant, rows: pd.DataFrame) -> pd.DataFrame:
        chunk = next(iter(look_ups[part.name].chunks([rows])))
        return judge_chunk(chunk, part, backend, cache, session)

    for samples in chunks:
        yield composite_table(variant, samples, ask)


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
    known = chunk.known()
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


def cached_scores(
    rows: pd.DataFrame, variant: Variant, backend: Backend, cache: JudgmentCache, *, retry_failed: bool = False
) -> tuple[Doubles, int]:
    """What the cache holds of some rows; asks nothing.

    Parameters
    ----------
    rows : a table of samples; variant, backend, cache, retry_failed : as ``judge_chunks`` takes them.

    Returns
    -------
    (n,) the score of each row, NaN where there is none, and how many different questions have no answer.
    """
    look_up = LookUp(variant, backend, cache, retry_failed=retry_failed)
    [chunk] = look_up.chunks([rows])
    scores = {
        key: score_answer(variant, answer).score for key, (answer, _) in chunk.answers.items() if answer.status == "ok"
    }
    told = [scores.get(chunk.asked[place].key, float("nan")) for place in chunk.places]
    return np.array(told, np.float64), len(chunk.pending())


class Sampler:
    """A sample of rows from a log that goes by in chunks: those whose id has the smallest hash.

    The same log gives the same sample, in whatever chunks and order it comes.

    Parameters
    ----------
    size : how many rows.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._kept: pd.DataFrame | None = None

    def add(self, chunk: pd.DataFrame) -> None:
        """Look at the rows of one chunk."""
        if not self._size or chunk.empty:
            return
        hashed = chunk.assign(**{HASH: pd.util.hash_array(chunk["sample_id"].to_numpy(dtype=object))})
        both = hashed if self._kept is None else pd.concat([self._kept, hashed])
        self._kept = both.sort_values([HASH, "sample_id"]).head(self._size)

    def rows(self) -> pd.DataFrame:
        """The sample."""
        return pd.DataFrame() if self._kept is None else self._kept.drop(columns=HASH).reset_index(drop=True)


def models_asked(models: Iterable[str], variant: Variant, backend: Backend, cache: JudgmentCache) -> list[str]:
    """The models that can be asked, for names in judgments: some answer under another name than their own."""
    sources = backend.sources(next(iter(asked_variants(variant).values())).method)
    asked = {source.model: source.model for source in sources}
    for source in sources:
        for name in cache.aliases(source.model, source.fingerprint):
            asked.setdefault(name, source.model)
    return list(dict.fromkeys(asked[name] for name in models if name in asked))


def judge_by_each(
    samples: pd.DataFrame,
    variant: Variant,
    backend: Backend,
    cache: JudgmentCache,
    models: Sequence[str],
    *,
    max_cost: float | None = None,
) -> tuple[dict[str, pd.DataFrame], Session | None]:
    """Judgments of the same pairs by each model; one that cannot be reached is left out, and said so.

    Parameters
    ----------
    samples, variant, backend, cache : as ``judge`` takes them; the backend has endpoints of all *models*.
    models : which of them, by the name that is asked for.
    max_cost : USD that this may still cost.

    Returns
    -------
    Judgment tables by model, and the session that counted what was asked.
    """
    if not isinstance(backend, OpenAIBackend):
        return {}, None
    tables: dict[str, pd.DataFrame] = {}
    session = Session(backend, cache, max_cost=max_cost)
    for model in models_asked(models, variant, backend, cache):
        try:
            tables[model] = judge(samples, variant, backend.only(model), cache, session=session)
        except EnvironmentFailure as failure:
            say(f"{model} could not judge the pairs that are judged by each model: {failure}")
    return tables, session
