"""What the item is: asked of the judge once an item, through ``prompts/profile/item.yaml``."""

from __future__ import annotations

from sie_agent.agent.tools.tool import Tool

PROFILE = Tool(
    "profile",
    "What the product is: its type, brand, what it is for, and whether it is a part or accessory.",
    None,
)
