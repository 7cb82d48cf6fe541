"""Reference importance of training rows for a target model, and the registry of the methods.

Every signed reference is positive where a step of training on the row lowers the validation loss.
"""

from __future__ import annotations

from collections.abc import Callable

from sie_agent.attribution.gradients import VALIDATION_LOSSES
from sie_agent.attribution.references.ekfac import ekfac
from sie_agent.attribution.references.influence import influence, tracin
from sie_agent.attribution.references.magnitudes import el2n, grand, self_influence
from sie_agent.attribution.references.trak import trak
from sie_agent.attribution.setting import Setting
from sie_agent.errors import InputError
from sie_agent.utils.arrays import Doubles

__all__ = ["MAGNITUDES", "REFERENCES", "SIGNED", "reference_importance"]

Reference = Callable[[Setting], Doubles]


def against(method: Callable[[Setting, str], Doubles], loss: str) -> Reference:
    """The method with its validation loss filled in."""
    return lambda setting: method(setting, loss)


# signed, against a validation loss; named METHOD-LOSS
METHODS: dict[str, Callable[[Setting, str], Doubles]] = {
    "tracin": tracin,
    "influence-linear": influence,
    "ekfac": ekfac,
    "trak": trak,
}
MAGNITUDES: dict[str, Reference] = {"el2n": el2n, "grand": grand, "self-influence": self_influence}
SIGNED = tuple(f"{method}-{loss}" for method in METHODS for loss in VALIDATION_LOSSES)
REFERENCES: dict[str, Reference] = {
    f"{name}-{loss}": against(method, loss) for name, method in METHODS.items() for loss in VALIDATION_LOSSES
} | MAGNITUDES


def reference_importance(name: str, setting: Setting) -> Doubles:
    """Importance of ``setting.rows`` by the reference *name*, (n,).

    Raises
    ------
    InputError : no such reference.
    """
    if name not in REFERENCES:
        raise InputError(f"no reference '{name}'", hint=f"Known: {', '.join(REFERENCES)}.")
    return REFERENCES[name](setting)
