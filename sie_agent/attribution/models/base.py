"""What a target model must be able to do for its training rows to be valued."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from sie_agent.errors import InputError
from sie_agent.utils.arrays import Floats


class Model(Protocol):
    """A target model at one moment of its training.

    A gradient, and any other direction in parameter space, has the type of the model that it belongs to.
    """

    def scores(self, features: Floats) -> Floats:
        """s(x) of each row, (n,) on the log-odds scale."""

    def backward(self, features: Floats, slopes: Floats) -> Self:
        """Gradient of sum_i L(s_i) where ``slopes[i]`` is dL/ds_i."""

    def directional(self, features: Floats, direction: Self) -> Floats:
        """Derivative of s(x) of each row along *direction*, (n,)."""

    def squared_gradient_norm(self, features: Floats) -> Floats:
        """Squared length of ds/dparameters at each row, (n,)."""


@dataclass(frozen=True)
class Layer:
    """What one layer does to the score of each row: ds/dweights of row i is the outer product of the two.

    Attributes
    ----------
    inputs : (n, n_in + 1) what comes in, with a column of ones for the biases.
    slopes : (n, n_out) derivative of the score by what goes out.
    """

    inputs: Floats
    slopes: Floats


@runtime_checkable
class Layered(Model, Protocol):
    """A model of dense layers, whose curvature has Kronecker factors."""

    def blocks(self) -> list[Floats]:
        """The parameters by layer, each (n_in, n_out)."""

    def with_blocks(self, blocks: Sequence[Floats]) -> Self:
        """A model of the same shape from ``blocks``."""

    def layers(self, features: Floats) -> list[Layer]:
        """The layers as they work on some rows, in the order of ``blocks``."""


class Trainable(Model):
    """A model that :class:`~sie_agent.attribution.training.AdamW` can train: a dataclass of parameter arrays."""

    @property
    def decayed(self) -> tuple[bool, ...]:
        """Which of the arrays weight decay acts on: all but the biases."""
        return tuple(not name.endswith("bias") for name in vars(self))

    def arrays(self) -> list[Floats]:
        """The parameter arrays, in a fixed order."""
        return list(vars(self).values())

    def with_arrays(self, arrays: Sequence[Floats]) -> Self:
        """A model with other parameters, in the same order."""
        return type(self)(*arrays)


def layered(network: Model, method: str) -> Layered:
    """The network, as one whose layers are known.

    Raises
    ------
    InputError : the target model is not a stack of dense layers.
    """
    if not isinstance(network, Layered):
        raise InputError(
            f"'{method}' needs a target model of dense layers",
            where=type(network).__name__,
            hint="Use tracin, el2n, grand or self-influence with this target.",
        )
    return network
