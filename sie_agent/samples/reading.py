"""What is read of a text: words, n-grams, and how far. Stated here once.

`tokens` and `overlap` read so in arrays, `sie_agent.scorer` in an ONNX graph, and a test holds the two together. The
expressions are RE2's, which Arrow and onnxruntime share.
"""

from __future__ import annotations

FIELDS = ("query", "title", "description")

NOT_WORD = r"[^\p{L}\p{M}\p{Nd}]+"
WORD = r"[\p{L}\p{M}\p{Nd}]+"
SPACE = r"[\s\p{Z}]+"
DIGIT = r"\p{Nd}"
# a plural without its s, and the whole of it
STEM = r".{2,}[^s]"
PLURAL = rf"{STEM}s"

# a text is read up to here: what one row costs, in time and in memory, has a bound
MOST_WORDS = {"query": 32, "title": 64, "description": 512}
MOST_CHARACTERS = 512

GRAM_SIZES = (3, 4)
WORD_BUCKETS = 2**14
CHARACTER_BUCKETS = 2**15
