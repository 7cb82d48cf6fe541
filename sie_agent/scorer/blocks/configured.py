"""The blocks of a scorer as its ``config.json`` has them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sie_agent.scorer.blocks.base import Block
from sie_agent.scorer.blocks.registry import BLOCKS


def inputs_told(blocks: Sequence[Block]) -> dict[str, str]:
    """What ``model.onnx`` takes for the blocks, by name, in words."""
    shapes = {name: shape for block in blocks for name, (_, shape) in block.declared().items()}
    return {name: f"float32, {shape[1]} a row" for name, shape in shapes.items()}


def blocks_told(config: Mapping[str, Any]) -> list[Any]:
    """What a configuration says of blocks beside the text; what is no list is a block that is not known."""
    told = config.get("blocks", [])
    return told if isinstance(told, list) else [None]


def fault_in_blocks(config: Mapping[str, Any], *, wanted: bool) -> str | None:
    """What is wrong with the kinds of the blocks, in words; None if nothing is. *wanted*: there must be some."""
    kinds = [one.get("kind") if isinstance(one, dict) else None for one in blocks_told(config)]
    if kinds != [kind for kind in BLOCKS if kind in kinds] or wanted != bool(kinds):
        return f"'blocks' must be of the kinds {', '.join(BLOCKS)}, in this order"
    return None


def files_told(config: Mapping[str, Any]) -> set[str]:
    """Names of the files beside ``model.onnx``, of a configuration without :func:`fault_in_blocks`."""
    return {name for one in blocks_told(config) for name in BLOCKS[one["kind"]].file_names}
