"""What is read of a text: words, n-grams, and how far. Stated here once.

`tokens` and `overlap` read so in arrays, `sie_agent.scorer` in an ONNX graph, and a test holds the two together. The
expressions are RE2's, which Arrow and onnxruntime share. What a word of a script without spaces is, `unspaced` says.
"""

from __future__ import annotations

from sie_agent.features.unspaced import UNIT, UNSPACED

FIELDS = ("query", "title", "description")

# version 1 took what stands between spaces for a word in every script; scorers of that time are still read so
BY_SPACES, VERSION = 1, 2

NOT_WORDS = {BY_SPACES: r"[^\p{L}\p{M}\p{Nd}]+", VERSION: rf"[^\p{{L}}\p{{M}}\p{{Nd}}{UNSPACED}]+"}
# a run of characters that are not of a script without spaces, or one unit of such a script
WORDS = {BY_SPACES: r"[\p{L}\p{M}\p{Nd}]+", VERSION: rf"(?:[^\P{{L}}{UNSPACED}]|[^\P{{M}}{UNSPACED}]|\p{{Nd}})+|{UNIT}"}
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
