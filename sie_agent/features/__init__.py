"""Features of texts: words, n-grams, what a query and an item share; the same whole, in batches and in ONNX."""

from __future__ import annotations

from sie_agent.features import reading, unspaced
from sie_agent.features.overlap import OVERLAP_NAMES
from sie_agent.features.text_features import TextFeatures, feature_names

__all__ = ["OVERLAP_NAMES", "TextFeatures", "feature_names", "reading", "unspaced"]
