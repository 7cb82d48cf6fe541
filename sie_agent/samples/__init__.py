"""Samples: one schema, adapters for files and Hugging Face data sets, query sets, simulated logs, a made-up shop."""

from __future__ import annotations

from sie_agent.samples.batches import numbers_of, table_batches, table_columns, texts_of
from sie_agent.samples.caller_tables import check_samples
from sie_agent.samples.counting import Distinct, count_rows, pair_keys
from sie_agent.samples.generated import generate_samples, is_generated
from sie_agent.samples.grades import read_grades, with_grades
from sie_agent.samples.log_source import SHORTHANDS, read_source, resolve, sample_histories, titles_of_map
from sie_agent.samples.maps.column_maps import ColumnMap, find_column_map, load_column_map, ready_maps
from sie_agent.samples.maps.event_maps import EventsMap, load_events_map
from sie_agent.samples.maps.map_files import beside, files_of_map, map_files
from sie_agent.samples.maps.mapping import pick
from sie_agent.samples.maps.nested import flattened
from sie_agent.samples.maps.uses import named_sources
from sie_agent.samples.sample_loading import load_samples, stream_samples
from sie_agent.samples.sample_schema import COLUMNS, IMPRESSIONS, LONGEST, validate_samples, without_grade
from sie_agent.samples.shop_logs.clocks import NEVER, Clock
from sie_agent.samples.shop_logs.history_features import shopper_and_item
from sie_agent.samples.shop_logs.shop_events import ShopEventLog
from sie_agent.samples.shopper_columns import SHOPPER, shopper_columns
from sie_agent.samples.simulations import LOGS, simulate_log
from sie_agent.samples.simulations.clicks import simulate_clicks
from sie_agent.samples.simulations.flips import simulate_flips
from sie_agent.samples.simulations.kinds import LOG_COLUMNS, LogSettings
from sie_agent.samples.simulations.lexical_scores import lexical_scores
from sie_agent.samples.sources.decimals import Doubtful, guessed_numbers
from sie_agent.samples.sources.readers import read_file
from sie_agent.samples.splits import QUERY_SETS, assign_query_sets, check_query_sets, normalise_query, query_keys
from sie_agent.samples.stage_files import BY_SCORE, made_by_words
from sie_agent.samples.text_columns import text_column
from sie_agent.samples.unusable.invalid_rows import InvalidRows, rows_policy
from sie_agent.samples.unusable.listed import LIST
from sie_agent.samples.unusable.lost_rows import LostRow, lost_rows

__all__ = [
    "BY_SCORE",
    "COLUMNS",
    "IMPRESSIONS",
    "LIST",
    "LOGS",
    "LOG_COLUMNS",
    "LONGEST",
    "NEVER",
    "QUERY_SETS",
    "SHOPPER",
    "SHORTHANDS",
    "Clock",
    "ColumnMap",
    "Distinct",
    "Doubtful",
    "EventsMap",
    "InvalidRows",
    "LogSettings",
    "LostRow",
    "ShopEventLog",
    "assign_query_sets",
    "beside",
    "check_query_sets",
    "check_samples",
    "count_rows",
    "files_of_map",
    "find_column_map",
    "flattened",
    "generate_samples",
    "guessed_numbers",
    "is_generated",
    "lexical_scores",
    "load_column_map",
    "load_events_map",
    "load_samples",
    "lost_rows",
    "made_by_words",
    "map_files",
    "named_sources",
    "normalise_query",
    "numbers_of",
    "pair_keys",
    "pick",
    "query_keys",
    "read_file",
    "read_grades",
    "read_source",
    "ready_maps",
    "resolve",
    "rows_policy",
    "sample_histories",
    "shopper_and_item",
    "shopper_columns",
    "simulate_clicks",
    "simulate_flips",
    "simulate_log",
    "stream_samples",
    "table_batches",
    "table_columns",
    "text_column",
    "texts_of",
    "titles_of_map",
    "validate_samples",
    "with_grades",
    "without_grade",
]
