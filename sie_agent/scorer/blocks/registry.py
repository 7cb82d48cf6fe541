"""The blocks that a scorer can read beside its text, by name: a file and a line each."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from sie_agent.errors import InputError
from sie_agent.scorer.blocks.base import Block
from sie_agent.scorer.blocks.behaviour import BehaviourBlock
from sie_agent.scorer.blocks.embedding import EmbeddingBlock

TEXT_INPUTS = "text"
# in the order in which a scorer has them
BLOCKS: dict[str, type[Block]] = {"embedding": EmbeddingBlock, "behaviour": BehaviourBlock}


def inputs_named(inputs: str | Sequence[str], where: str = "inputs") -> tuple[str, ...]:
    """The inputs that are asked for, each as ``name`` or ``name:model``, ``text`` first.

    Parameters
    ----------
    inputs : names, or one text of names with commas between.

    Raises
    ------
    InputError : one is not known or comes twice, or ``text`` is not among them.
    """
    asked = [one.strip() for one in (inputs.split(",") if isinstance(inputs, str) else inputs)]
    kinds = [one.partition(":")[0] for one in asked]
    told = inputs if isinstance(inputs, str) else ",".join(inputs)
    expected = f"expected {TEXT_INPUTS}, and behind it any of {', '.join(BLOCKS)}, found {told[:80]}"
    hint = "For example text,embedding:static,behaviour."
    for one, kind in zip(asked, kinds, strict=True):
        if kind not in (TEXT_INPUTS, *BLOCKS) or (kind == TEXT_INPUTS and one != TEXT_INPUTS):
            raise InputError(f"no inputs '{one[:80]}': {expected}", where=where, hint=hint)
        if kinds.count(kind) > 1:
            raise InputError(f"the inputs '{kind}' come twice", where=where, hint=hint)
    if TEXT_INPUTS not in kinds:
        raise InputError(f"a scorer reads its text at least: {expected}", where=where, hint=hint)
    return tuple(sorted(asked, key=lambda one: [TEXT_INPUTS, *BLOCKS].index(one.partition(":")[0])))


def fit_blocks(samples: pd.DataFrame, inputs: str | Sequence[str]) -> tuple[Block, ...]:
    """The blocks of inputs beside the text, fitted on the texts and numbers of *samples*; labels are not read.

    Parameters
    ----------
    inputs : as :func:`inputs_named` takes them.

    Raises
    ------
    InputError : see :func:`inputs_named`; or the samples lack what a block reads, or there is no such model.
    EnvironmentFailure : a package is not installed.
    """
    named = [one.partition(":") for one in inputs_named(inputs) if one != TEXT_INPUTS]
    return tuple(BLOCKS[kind].fit(samples, model) for kind, _, model in named)
