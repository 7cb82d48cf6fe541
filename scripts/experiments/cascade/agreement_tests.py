"""How often tests of agreement say that a level keeps its promise: where it just does not, and where it does.

    python scripts/experiments/cascade/agreement_tests.py

Queries of eight pairs. Agreement is as probable in all (same), has a probability of its own in each (differ: Beta,
correlation 0.3 within a query), or there are queries in which nothing agrees (ruin). Rejections of "at most 1 - alpha
agree" at a level of 0.05, of 4,000 samples each: at 1 - alpha they are false, at 1 - alpha / 2 they are right.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

import numpy as np
from scipy.stats import binom, t

from sie_agent.cascade.agreement_test import STAKES
from sie_agent.utils.arrays import Doubles

PAIRS, SAMPLES, LEVEL, ALPHAS, QUERIES = 8, 4000, 0.05, (0.1, 0.2), (30, 60, 120)


def betting(gains: Doubles, alpha: float) -> Doubles:
    """p-values of the test that is used, (samples,) of (samples, queries)."""
    logs = np.stack([np.log1p(gains * stake / (1 - alpha)).sum(axis=1) for stake in STAKES])
    return np.asarray(np.minimum(1, 1 / np.exp(logs).mean(axis=0)))


def hoeffding_bentkus(gains: Doubles, alpha: float) -> Doubles:
    """Hoeffding's bound or Bentkus's, whichever is smaller (Bates and others 2021)."""
    loss, n = (alpha - gains).mean(axis=1), gains.shape[1]
    low = np.clip(loss, 1e-12, alpha)
    divergence = low * np.log(low / alpha) + (1 - low) * np.log((1 - low) / (1 - alpha))
    bentkus = np.e * binom.cdf(np.ceil(n * loss - 1e-9), n, alpha)
    return np.asarray(np.minimum(1, np.minimum(np.exp(-n * divergence), bentkus)))


def student(gains: Doubles, alpha: float) -> Doubles:
    """Student's t over queries, never below the chance that no query of alpha shows itself."""
    n, error = gains.shape[1], gains.std(axis=1, ddof=1) / np.sqrt(gains.shape[1])
    ratio = np.divide(gains.mean(axis=1), error, out=np.full(len(gains), np.inf), where=error > 0)
    return np.asarray(np.maximum(t.sf(ratio, n - 1), (1 - alpha) ** n))


def pairs_binomial(gains: Doubles, alpha: float) -> Doubles:
    """The binomial test that takes pairs for independent."""
    agreed = np.rint((gains + 1 - alpha).sum(axis=1) * PAIRS)
    count = gains.shape[1] * PAIRS
    return np.asarray(binom.sf(agreed - 1, count, 1 - alpha))


TESTS: dict[str, Callable[[Doubles, float], Doubles]] = {
    "betting": betting,
    "Hoeffding-Bentkus": hoeffding_bentkus,
    "Student's t": student,
    "binomial over pairs": pairs_binomial,
}


def drawn(kind: str, mean: float, n: int, rng: np.random.Generator) -> Doubles:
    """Agreement in each query, (samples, queries)."""
    shape = (SAMPLES, n)
    if kind == "same":
        chance = np.full(shape, mean)
    elif kind == "differ":
        size = 1 / 0.3 - 1
        chance = rng.beta(mean * size, (1 - mean) * size, shape)
    else:
        chance = np.where(rng.random(shape) < 1 - mean / 0.99, 0.0, 0.99)
    return rng.binomial(PAIRS, chance) / PAIRS


def main() -> None:
    """Print the table."""
    rng = np.random.default_rng(0)
    print(f"| agreement | alpha | queries | {' | '.join(f'{name}: false / right' for name in TESTS)} |")
    print("|---" * (3 + len(TESTS)) + "|")
    for kind in ("same", "differ", "ruin"):
        for alpha in ALPHAS:
            for n in QUERIES:
                cells = []
                gains = [drawn(kind, mean, n, rng) - (1 - alpha) for mean in (1 - alpha, 1 - alpha / 2)]
                for test in TESTS.values():
                    false, right = (float((test(one, alpha) <= LEVEL).mean()) for one in gains)
                    cells.append(f"{false:.3f} / {right:.2f}")
                print(f"| {kind} | {alpha:g} | {n} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
