"""What a weak label may read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sie_agent.utils.arrays import Doubles

if TYPE_CHECKING:
    from sie_agent.attribution import FeatureRows, Model


@dataclass(frozen=True)
class LabelSettings:
    """How weak labels are made.

    Attributes
    ----------
    pool_loss : ``ranking`` (pairwise, within queries) or ``mean`` (cross-entropy against r).
    temperature : ``fitted`` scales each proxy's scores to the pool before the ranking loss is taken, so that the
        label does not measure whether the proxy's scores are too large on the whole; ``one`` leaves them.
    by_rank : the judge's scale means nothing; only its order is used for ``hardness`` and ``support``.
    scale : what ``hardness`` and ``support`` compare the log's label with: ``matched`` takes the judge's relevance
        (with the log's mean, for ``hardness``), ``joint`` the log's own probability given the judge, held-out proxies
        and what the query's other rows say.
    curvature : ``ekfac`` takes the pool's gradient through the inverse curvature of the proxy (EK-FAC) for ``value``,
        as an influence function does; ``none`` takes it as it is.
    """

    pool_loss: str = "ranking"
    temperature: str = "fitted"
    by_rank: bool = False
    scale: str = "matched"
    curvature: str = "none"


@dataclass(frozen=True)
class Evidence:
    """What a weak label may read: the log, the judgments, and proxies trained on the log alone. No grade.

    Attributes
    ----------
    rows : the rows to label, and ``rows.targets`` the log's labels.
    relevance : (n,) judged relevance of each row in [0, 1], NaN where there is none; for a label of another aspect,
        the judge's answers in that.
    proxies : cheap models of the target's family, trained on the same log with seeds of their own.
    pool : the judged pool; ``pool.targets`` holds judged relevance.
    training_loss : what the proxies were trained on; ``pairwise`` needs ``rows`` to be whole queries.
    held_out : (n,) probability of the log's label by proxies that saw no row of the same query, for the joint scale.
    """

    rows: FeatureRows
    relevance: Doubles
    proxies: Sequence[Model]
    pool: FeatureRows
    settings: LabelSettings
    training_loss: str = "pointwise"
    held_out: Doubles | None = None
