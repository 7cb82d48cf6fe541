"""Model files: found in packages, folders or on the Hub, loaded, and fingerprinted."""

from __future__ import annotations

from sie_agent.models.files import (
    embedded_token_count,
    encoder_folder,
    load_pretrained,
    named_folder,
    require_encoder,
    require_transformers,
)
from sie_agent.models.files import workers as torch_workers
from sie_agent.models.pretrained import token_pairs

__all__ = [
    "embedded_token_count",
    "encoder_folder",
    "load_pretrained",
    "named_folder",
    "require_encoder",
    "require_transformers",
    "token_pairs",
    "torch_workers",
]
