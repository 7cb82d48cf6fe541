"""Data sets of the Hugging Face Hub."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from sie_agent.errors import EnvironmentFailure, InputError
from sie_agent.samples.sources.folders import ALL, chosen_splits, several_splits
from sie_agent.samples.sources.shards import Shard
from sie_agent.utils.extras import require_core
from sie_agent.utils.foreign import foreign_bars_silenced

HUB_TIMEOUT = 10.0


def hub_shards(name: str, split: str | None) -> list[Shard]:
    """The chosen splits of a data set of the Hugging Face Hub.

    Asks the Hub first, with a time limit: without it a machine with no network waits for minutes.
    With ``HF_HUB_OFFLINE=1`` only what was downloaded before is looked at.

    Raises
    ------
    EnvironmentFailure
        If the Hub cannot be reached.
    InputError
        If it has no such data set, it cannot be read, or it has several configs or splits and *split* names none.
    """
    require_core("datasets", "huggingface_hub")
    with foreign_bars_silenced(f"Fetching {name} from the Hugging Face Hub ..."):
        loaded = load_hub(name, split)
    chosen = chosen_splits(list(loaded), split, name)
    return [data_set_shard(loaded[one], f"{name}, split '{one}'", told) for one, told in chosen.items()]


def load_hub(name: str, split: str | None) -> dict[str, Any]:
    """The splits by name, ``config/split`` where there are several configs."""
    import datasets
    from huggingface_hub import HfApi, constants
    from huggingface_hub.errors import GatedRepoError, HFValidationError, RepositoryNotFoundError

    try:
        if not constants.HF_HUB_OFFLINE:
            HfApi().dataset_info(name, timeout=HUB_TIMEOUT)
        try:
            return by_split(datasets.load_dataset(name))
        except ValueError as error:
            if "Config name is missing" not in str(error):
                raise
            return by_config(name, datasets.get_dataset_config_names(name), split)
    except InputError:
        raise
    except (GatedRepoError, RepositoryNotFoundError, HFValidationError):
        problem = "no such folder here, and the Hugging Face Hub has no such data set that you may read"
        hint = "Check the name; for a private or gated data set log in with: hf auth login"
        raise InputError(problem, where=name, hint=hint) from None
    except PermissionError as error:
        # a file cannot be read, or `datasets` cannot write to its cache
        problem = f"no permission for {error.filename or 'a file'}"
        raise EnvironmentFailure(problem, where=name, hint="Change it, or set HF_HOME") from None
    except (ValueError, TypeError) as error:
        problem = f"the data set cannot be loaded ({first_cause(error)})"
        raise InputError(problem, where=name, hint="Download it and give the folder") from None
    except Exception as error:
        # connection errors come in the types of three HTTP libraries; each means the same to a user
        problem = f"no such folder here, and the Hugging Face Hub cannot be reached ({first_cause(error)})"
        hint = "Check the network, set HF_HUB_OFFLINE=1 to use an earlier download, or give a folder"
        raise EnvironmentFailure(problem, where=name, hint=hint) from None


def by_config(name: str, configs: Sequence[str], split: str | None) -> dict[str, Any]:
    """The splits of the configs that may be meant; InputError lists the configs where none is named."""
    import datasets

    wanted = [one for one in configs if split == ALL or one == (split or "").partition("/")[0]]
    if not wanted:
        raise several_splits([f"{one}/…" for one in configs], name)
    loaded = {one: by_split(datasets.load_dataset(name, one)) for one in wanted}
    return {f"{config}/{part}": data for config, splits in loaded.items() for part, data in splits.items()}


def by_split(loaded: Any) -> dict[str, Any]:
    """Splits of a Dataset or DatasetDict, by name."""
    splits = loaded if isinstance(loaded, dict) else {str(loaded.split or "train"): loaded}
    return {str(name): part for name, part in splits.items()}


def data_set_shard(part: Any, where: str, split: str) -> Shard:
    """A split of a loaded data set, which is in files that are mapped into memory."""

    def tables(rows: int, columns: Sequence[str] | None) -> Iterator[pa.Table]:
        chosen = part if columns is None else part.select_columns([one for one in part.column_names if one in columns])
        yield from chosen.with_format("arrow").iter(batch_size=rows)

    return Shard(where, part.features.arrow_schema, tables, split)


def first_cause(error: BaseException) -> str:
    """One line of the error that started a chain of them."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:160] or type(error).__name__
