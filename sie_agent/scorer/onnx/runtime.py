"""Opening a model in onnxruntime."""

from __future__ import annotations

from typing import Any

import onnxruntime

from sie_agent.errors import InputError


def open_session(model: bytes, threads: int, where: str) -> Any:
    """An onnxruntime session on the processor.

    Raises
    ------
    InputError : onnxruntime cannot read the model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # a thread that waits spinning takes the core that the next request needs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        said = " ".join(str(error).split())[:200]
        raise InputError(
            f"onnxruntime cannot read the model ({said})", where=where, hint="Distill it again."
        ) from error
