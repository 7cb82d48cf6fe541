"""The suite: one YAML file that says what a run does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from sie_agent.attribution import REFERENCES, TRAINERS
from sie_agent.downstream import RANKERS
from sie_agent.errors import InputError
from sie_agent.files.field_errors import explain
from sie_agent.files.file_kinds import SUITE, other_yaml
from sie_agent.files.yaml_files import parse_yaml, read_yaml
from sie_agent.pipeline import DistillSettings
from sie_agent.samples import QUERY_SETS
from sie_agent.suite.parts import (
    LEXICAL,
    MADE_UP,
    POSITIONS,
    RANDOM,
    DataPart,
    DownstreamPart,
    EvaluationPart,
    JudgePart,
    LogPart,
)
from sie_agent.suite.suite_paths import find_suite, read_endpoints, resolve_paths
from sie_agent.utils.redact import redacted_setting
from sie_agent.utils.values import MOST_SEED

# judges that can be asked how clear a query is
CLARITY_KINDS = ("openai", "vllm", "langchain")
WHOLE_LOG: Mapping[str, float] = MappingProxyType({"log-judged": 0.21, "log-unseen": 0.64, "tune": 0.15})


class Suite(DistillSettings):
    """A whole run. ``draws`` are seeds: each redraws the query sets, the log, the simulated judges and the models."""

    name: str
    data: DataPart
    log: LogPart = LogPart()
    query_sets: dict[str, float] = Field(default_factory=lambda: dict(WHOLE_LOG))
    draws: tuple[Annotated[int, Field(ge=0, le=MOST_SEED)], ...] = (0,)
    judges: tuple[JudgePart, ...]
    headline_judge: str | None = None
    references: tuple[str, ...] = ("tracin-ranking", "tracin-mean", "influence-linear-mean", "el2n")
    headline_reference: str = "tracin-ranking"
    downstream: DownstreamPart = DownstreamPart()
    evaluation: EvaluationPart = EvaluationPart()

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        """At a prompt, the name, the data, the judges and the draws; `dump_suite` tells all."""
        names = [judge.name for judge in self.judges]
        return [("name", self.name), ("data", self.data.source), ("judges", names), ("draws", list(self.draws))]

    @field_validator("query_sets")
    @classmethod
    def sets_are_known(cls, shares: dict[str, float]) -> dict[str, float]:
        """Set names are those of the design."""
        for name in shares:
            if name not in QUERY_SETS:
                raise ValueError(f"no query set '{name}'; the sets are {', '.join(QUERY_SETS)}")
        if not shares.get("log-judged"):
            raise ValueError("'log-judged' needs a share: its rows are what the judge reads")
        return shares

    @model_validator(mode="after")
    def parts_fit_together(self) -> Suite:
        """Names that refer to other parts of the suite exist there."""
        named = {judge.name: judge for judge in self.judges}
        names = list(named)
        if not names:
            raise ValueError("`judges` is empty")
        if len(names) != len(self.judges) or "human-grade" in names:
            raise ValueError("judges need distinct names, and 'human-grade' is taken")
        for name, kind in ((one.name, one.kind) for one in (LEXICAL, RANDOM, POSITIONS)):
            if name in named and named[name].kind != kind:
                raise ValueError(f"the name '{name}' is for a judge of kind {kind}, a baseline of every run")
        if self.headline_judge is not None and self.headline_judge not in names:
            raise ValueError(f"headline_judge '{self.headline_judge}' is none of {', '.join(names)}")
        for name in (*self.references, self.headline_reference):
            if name not in REFERENCES:
                raise ValueError(f"no reference '{name}'; known: {', '.join(REFERENCES)}")
        if self.references and self.headline_reference not in self.references:
            raise ValueError(f"headline_reference '{self.headline_reference}' is not among `references`")
        if len(set(self.draws)) != len(self.draws) or not self.draws:
            raise ValueError("`draws` must be one or more distinct seeds")
        for judge in self.judges:
            for member in judge.members or ():
                check_member(judge, named.get(member), member)
        unknown = [name for name in self.downstream.judges or () if name not in names]
        if unknown:
            raise ValueError(f"downstream.judges names '{unknown[0]}', which is none of {', '.join(names)}")
        if self.labels.clarity == "judge" and self.primary.kind not in CLARITY_KINDS:
            raise ValueError(
                "labels.clarity: judge needs a headline judge of kind openai, vllm or langchain; use catalogue"
            )
        check_transformer(self)
        return self

    @property
    def distilling(self) -> DistillSettings:
        """What decides on weak labels, scorer and recipe: all that `sie distill` reads of a suite."""
        return DistillSettings(labels=self.labels, scorer=self.scorer, target=self.target, recipe=self.recipe)

    @property
    def judges_and_baseline(self) -> tuple[JudgePart, ...]:
        """The judges, and the lexical one as a baseline where none of them is it."""
        return self.judges if any(judge.kind == "lexical" for judge in self.judges) else (*self.judges, LEXICAL)

    def bench_judges(self, *, positions: bool) -> tuple[JudgePart, ...]:
        """The judges of the bench: those named, else all; and what could be had without a judge, in every table.

        That is word overlap, chance, and the positions at which rows were shown, where the log has *positions*.
        """
        named = self.downstream.judges
        chosen = {judge.name: judge for judge in self.judges if named is None or judge.name in named}
        # a baseline that the suite has among its judges is that judge: two of one name would share their answers
        own = {judge.name: judge for judge in self.judges}
        baselines = (LEXICAL, RANDOM, *((POSITIONS,) if positions else ()))
        return (*(chosen | {one.name: own.get(one.name, one) for one in baselines}).values(),)

    @property
    def primary(self) -> JudgePart:
        """The judge of the headline: the one named, else the first."""
        wanted = self.judges[0].name if self.headline_judge is None else self.headline_judge
        return next(judge for judge in self.judges if judge.name == wanted)


def check_transformer(suite: Suite) -> None:
    """Nothing asks a cross-encoder for what it does not have: dense layers, or numbers for other models to read.

    Raises
    ------
    ValueError : something does.
    """
    if suite.target.kind not in TRAINERS:
        return
    layered = [name for name in suite.references if name.startswith(("ekfac", "trak", "influence-linear"))]
    if layered:
        raise ValueError(
            f"references: '{layered[0]}' needs a target of dense layers; with target.kind {suite.target.kind} use "
            "tracin, el2n, grand or self-influence"
        )
    others = [name for name in suite.downstream.rankers if name != "target" and RANKERS[name].reads == "target"]
    if suite.downstream.draws and others:
        raise ValueError(f"downstream.rankers: '{others[0]}' cannot read the tokens of a {suite.target.kind}")


def check_member(panel: JudgePart, member: JudgePart | None, name: str) -> None:
    """A panel's member is a real judge of the suite, and judges at least the panel's draws.

    Raises
    ------
    ValueError : it is not, or does not.
    """
    if member is None or member.kind in ("panel", *MADE_UP):
        raise ValueError(f"judges: panel '{panel.name}' names '{name}', which is not a real judge of this suite")
    if member.draws is not None and (panel.draws is None or panel.draws > member.draws):
        raise ValueError(f"judges: panel '{panel.name}' needs `draws` of at most {member.draws}, those of '{name}'")


def load_suite(source: str | Path, overrides: Sequence[str] = (), *, told: bool = True) -> Suite:
    """Read a suite from a file, or one that ships by its name; then apply ``key=value`` overrides.

    Paths in the file count from the file's folder; one that leads nowhere there counts from the current folder. Paths
    in *overrides* count from the current folder.

    Parameters
    ----------
    source : path of a YAML file, or a name in ``eval/suites``.
    overrides : such as ``target.epochs=4`` or ``draws=[1,2]``; values are YAML.
    told : whether to say which paths were found from the current folder only.

    Returns
    -------
    The suite, checked, with every default.

    Raises
    ------
    InputError : no such file, not YAML, unknown or wrong keys; names the file and the key.

    Examples
    --------
    >>> import sie_agent as sie
    >>> sie.load_suite("quickstart", ["draws=[1]"])
    Suite(name='quickstart', data='sample', judges=['panel', 'minilm', 'embedded', 'lexical'], draws=[1])
    """
    path = find_suite(source)
    text = read_yaml(path, hint="`sie init DATA` writes a suite.", expected=f"{SUITE} in YAML")
    content = text.content
    if (other := other_yaml(content, SUITE, path)) is not None:
        raise other
    if not isinstance(content, dict):
        raise InputError("a suite is a mapping of keys", where=path, hint="`sie init DATA` writes one to start from.")
    resolve_paths(content, path, told=told)
    for override in overrides:
        apply_override(content, override)
    read_endpoints(content)
    try:
        return Suite.model_validate(content)
    except ValidationError as error:
        way = error.errors()[0]["loc"]
        place = "--set" if is_overridden(way, overrides) else text.place(way)
        hint = "`sie init DATA` writes a commented suite."
        raise InputError(explain(error, Suite), where=place, hint=hint) from error


def load_distill_settings(source: str | Path | None, overrides: Sequence[str] = ()) -> DistillSettings:
    """The settings of ``sie distill``: those of a suite, or the defaults; then ``key=value`` overrides.

    Raises
    ------
    InputError : as of :func:`load_suite`.
    """
    if source is not None:
        return load_suite(source, overrides).distilling
    content: dict[str, Any] = {}
    for override in overrides:
        apply_override(content, override)
    try:
        return DistillSettings.model_validate(content)
    except ValidationError as error:
        raise InputError(
            explain(error, DistillSettings),
            where="--set",
            hint="Keys are those of a suite's labels, scorer, target and recipe.",
        ) from error


def apply_override(content: dict[str, Any], override: str) -> None:
    """Set one dotted key of a suite in place.

    Raises
    ------
    InputError : not of the form ``key=value``, the value is not YAML, or the key goes through what is not a mapping.
    """
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise InputError(f"'{override}' is not key=value", where="--set", hint="For example --set target.epochs=4.")
    try:
        value = parse_yaml(text, "the value").content
    except InputError as error:
        problem = f"'{text[:80]}' is not a YAML value ({error.problem})"
        raise InputError(problem, where=f"--set {key}", hint=error.hint) from error
    except (ValueError, RecursionError) as error:
        # a date that is none is not an error of YAML's
        raise InputError(f"expected a YAML value, found '{text[:60]}'", where=f"--set {key}") from error
    place = content
    *parents, last = key.strip().split(".")
    if not all(part.strip() for part in (*parents, last)):
        raise InputError(f"'{key}' names no setting", where="--set", hint="For example --set target.epochs=4.")
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise InputError(f"'{parent}' has no keys below it", where=f"--set {key}")
    place[last] = value


def is_overridden(way: Sequence[str | int], overrides: Sequence[str]) -> bool:
    """Whether ``--set`` gave the setting at *way*, or one within it or around it."""
    place = [str(part) for part in way]
    given = [override.partition("=")[0].strip().split(".") for override in overrides]
    return bool(place) and any(place[: len(one)] == one[: len(place)] for one in given)


def dump_suite(suite: Suite) -> str:
    """The suite as resolved, as YAML; passwords and keys in addresses are left out, for it lies beside the results."""
    return yaml.safe_dump(redacted_setting(suite.model_dump(mode="json")), sort_keys=False, allow_unicode=True)
