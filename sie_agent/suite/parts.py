"""The parts of a suite: one class for each mapping of its YAML file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PrivateAttr, field_validator, model_validator

from sie_agent.calibration import FITS, load_calibration
from sie_agent.downstream import RANKERS, TARGET
from sie_agent.judging import (
    AT_ONCE,
    DOUBLE_JUDGED,
    Endpoint,
    EndpointList,
    PricePart,
    backend_kinds,
    default_variant,
    scale_means_nothing,
)
from sie_agent.panels import PANELS
from sie_agent.pipeline import SuiteSection
from sie_agent.samples import LOGS, LogSettings

# who was asked and at what price; what they answered is hashed by itself
NOT_ANSWERS = {"draws", "base_url", "concurrency", "endpoints", "double_judged", "price", "revision"}


class DataPart(SuiteSection):
    """Which samples: ``source`` and ``map`` as `load_samples` takes them.

    ``grades`` names a file with ``sample_id`` and ``grade`` that people filled in; ``only_graded`` keeps the queries of
    which every row has a grade, so that rankers can be tested on them. ``skip_invalid`` and ``strict`` say what is done
    with rows that cannot be used, as `rows_policy` takes them.
    """

    source: str
    map: str | None = None
    split: str | None = None
    limit: int | None = Field(None, ge=1)
    min_items_per_query: int = Field(1, ge=1)
    grades: str | None = None
    only_graded: bool = False
    skip_invalid: bool = False
    strict: bool = False

    @model_validator(mode="after")
    def skip_or_refuse(self) -> DataPart:
        """Rows are left out or refused, not both."""
        if self.skip_invalid and self.strict:
            raise ValueError("skip_invalid and strict exclude each other")
        return self


class LogPart(SuiteSection):
    """Where the log's labels come from: the data itself (``given``), or a simulation on the grades (``LOGS``).

    ``rate`` means what the simulation says; its default where it is not given.
    """

    kind: str = "given"
    rate: float | None = Field(None, ge=0, le=1)
    relevant_at: float = Field(0.75, gt=0, le=1)

    @field_validator("kind")
    @classmethod
    def kind_is_known(cls, kind: str) -> str:
        """``given``, or a name in ``LOGS``."""
        if kind != "given" and kind not in LOGS:
            raise ValueError(f"no log '{kind}'; known: given, {', '.join(LOGS)}")
        return kind

    @property
    def simulation(self) -> LogSettings | None:
        """The simulation's settings; None for the log that is given."""
        return None if self.kind == "given" else LogSettings(self.kind, self.rate, self.relevant_at)


class JudgePart(SuiteSection):
    """One judge. ``simulated`` reads the grade, and is never a headline."""

    name: str = Field(min_length=1, max_length=100, pattern=r"^\S(.*\S)?$")
    kind: str
    variant: str | None = None
    model: str | None = None
    revision: str = ""
    base_url: str | None = None
    endpoints: tuple[Endpoint, ...] | None = None
    double_judged: int = Field(DOUBLE_JUDGED, ge=0, description="pairs that each model judges, where several answered")
    price: PricePart | None = None
    concurrency: int = Field(AT_ONCE, ge=1)
    auc: float | None = Field(None, gt=0.5, le=1)
    members: tuple[str, ...] | None = Field(None, description="of a panel: the judges whose ranks are averaged")
    panel: str | None = Field(
        None,
        description="of a panel: how members become one; `mean-rank`, `weighted` (by the grades of tuning "
        "queries) or `dawid-skene`",
    )
    calibration: str | None = Field(
        None, description="`isotonic` or `platt`, fitted on the tuning queries of each draw, or a file of sie calibrate"
    )
    by_rank: bool | None = Field(
        None, description="use only the order of the answers; where it is not said, the variant decides, as in distill"
    )
    draws: int | None = Field(None, ge=1, description="judge only the first so many draws")
    max_pairs: int | None = Field(None, ge=1, description="judge at most so many pairs of a draw, by whole queries")

    # what its figures are marked with, where a run has found out
    _mode: str | None = PrivateAttr(None)

    @field_validator("panel")
    @classmethod
    def panel_is_known(cls, value: str | None) -> str | None:
        """A name in ``PANELS``."""
        if value is not None and value not in PANELS:
            raise ValueError(f"no panel '{value}'; known: {', '.join(PANELS)}")
        return value

    @field_validator("kind")
    @classmethod
    def kind_is_known(cls, value: str) -> str:
        """A backend, a judge that is made up, or a panel."""
        known = (*backend_kinds(), *MADE_UP, "panel")
        if value not in known:
            raise ValueError(f"no judge of kind '{value}'; known: {', '.join(known)}")
        return value

    @model_validator(mode="after")
    def settings_fit_the_kind(self) -> JudgePart:
        """Only a simulated judge has a stated AUC, and only it can do without a variant."""
        if self.kind == "simulated" and self.auc is None:
            raise ValueError("a simulated judge needs `auc`")
        if self.kind != "simulated" and self.auc is not None:
            raise ValueError("`auc` is for simulated judges only")
        if (self.kind == "panel") != bool(self.members):
            raise ValueError("`members` names the judges of a panel, and is for panels only")
        if self.panel is not None and self.kind != "panel":
            raise ValueError("`panel` says how a panel is made, and is for panels only")
        if self.calibration is not None and self.kind in MADE_UP:
            raise ValueError("`calibration` is for judges that are asked and for panels; this one is made up")
        if self.endpoints is not None and (self.model or self.base_url or self.price or self.revision):
            raise ValueError("`endpoints` say model, address, revision and price of each; leave them out beside it")
        return self

    @property
    def servers(self) -> EndpointList | None:
        """The endpoints, where several were named."""
        if self.endpoints is None:
            return None
        return EndpointList(endpoints=self.endpoints, double_judged=self.double_judged)

    @property
    def asks_with(self) -> str | None:
        """The prompt variant; None for a judge that is asked nothing."""
        return self.variant or default_variant(self.kind)

    @property
    def is_ranked(self) -> bool:
        """Whether only the order of its answers is used."""
        if self.by_rank is not None:
            return self.by_rank
        if self.calibration is not None:
            return False
        asked = self.asks_with
        return self.kind in ("positions", "panel") or (asked is not None and scale_means_nothing(asked))

    @property
    def mode(self) -> str:
        """What the figures of this judge are marked with."""
        if self._mode is not None:
            return self._mode
        if self.calibration is not None and self.calibration not in FITS:
            return load_calibration(self.calibration)[0].mode
        if self.reads_grades:
            return "gold-calibrated"
        return "simulated" if self.kind in MADE_UP else "zero-shot"

    def marked(self, mode: str) -> JudgePart:
        """The same judge, whose figures are marked with a mode."""
        found = self.model_copy()
        found._mode = mode
        return found

    @property
    def reads_grades(self) -> bool:
        """Whether grades of tuning queries decide on its answers."""
        return self.calibration in FITS or PANELS[self.panel or "mean-rank"].reads_grades

    @property
    def is_asked(self) -> bool:
        """Whether something is asked that reads texts; a made-up judge and a panel are worked out."""
        return self.kind not in (*MADE_UP, "panel")


# what the headline's judge is asked of a query
CLARITY_VARIANT = "clarity/graded"
# judges that are worked out of grades, positions or chance: for controls, curves and tests
MADE_UP = ("simulated", "random", "positions", "between")
LEXICAL = JudgePart(name="lexical", kind="lexical")
RANDOM = JudgePart(name="random", kind="random")
# what a log's positions say is known without any judge
POSITIONS = JudgePart(name="positions", kind="positions")


class DownstreamPart(SuiteSection):
    """What is tried on the models that are trained on the log; ``draws`` 0 leaves it out.

    Queries are cut into ``folds``, each tested once a draw; of the others a share ``recipe.tune`` of all is for tuning,
    the rest is the log, and a share ``judged`` of its queries is judged. ``seeds`` models are averaged. ``keep`` are
    shares of the log's rows that rankers are trained on too, kept as `sie select` keeps them; none where it is empty.
    """

    draws: int = Field(3, ge=0)
    folds: int = Field(5, ge=2)
    judged: float = Field(0.25, gt=0, le=1)
    seeds: int = Field(1, ge=1)
    rankers: tuple[str, ...] = (TARGET,)
    judges: tuple[str, ...] | None = None
    keep: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = ()

    @field_validator("keep")
    @classmethod
    def shares_are_distinct(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        """Each share once; from the smallest on."""
        if len(set(shares)) != len(shares):
            raise ValueError("give distinct shares of the rows")
        return tuple(sorted(shares))

    @field_validator("rankers")
    @classmethod
    def rankers_are_known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        """Ranker names are those of the registry, each once."""
        for name in names:
            if name not in RANKERS:
                raise ValueError(f"no ranker '{name}'; known: {', '.join(RANKERS)}")
        if not names or len(set(names)) != len(names):
            raise ValueError(f"give one or more distinct rankers of {', '.join(RANKERS)}")
        return names


class EvaluationPart(SuiteSection):
    """Controls and intervals."""

    permutations: int = Field(20, ge=2)
    replicates: int = Field(500, ge=20)
