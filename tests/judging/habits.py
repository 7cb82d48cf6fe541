"""The habits of servers, mostly of real ones: what they do, and what has to come of it."""

from __future__ import annotations

from .habit import Habit
from .habits_found_later import LATER
from .habits_of_answers import ANSWERS
from .habits_of_bodies import BODIES
from .habits_of_errors import ERRORS
from .habits_of_forms import FORMS

HABITS: tuple[Habit, ...] = (*FORMS, *ERRORS, *ANSWERS, *BODIES, *LATER)
# what some requests meet while others do not
FAULTS: tuple[Habit, ...] = tuple(habit for habit in HABITS if habit.fault is not None and habit.mixed)
