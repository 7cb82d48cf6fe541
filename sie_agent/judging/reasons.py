"""Why there is no judgment, counted: by status, and by what was said, so that the commonest cause can be told."""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sie_agent.judging.cache.stored import plain_line

MOST_DETAILS = 200
DETAIL_CHARS = 200
SHOWN_CHARS = 100
REFRESH_SECONDS = 0.5
SHOWN_STATUSES = 3
TOLD_STATUSES = 2
# what differs from pair to pair in one and the same error: quoted texts, numbers, names with numbers in them, long ids
QUOTED = re.compile(r"(?<!\w)([\"'`])(?:(?!\1).)*\1(?!\w)")
VARYING = re.compile(r"[\w-]*\d[\w-]*|\w{24,}")


class Reasons:
    """Counts of statuses, and of what was said beside each.

    Details that differ only in numbers, ids and quoted texts count together. Memory is bounded by the counters of
    Misra and Gries (1982): of each status the *most* details that came last or often are kept, and one that makes up
    more than a share of 1 / (*most* + 1) is never lost.

    Parameters
    ----------
    most : distinct details that are kept of each status.
    """

    def __init__(self, most: int = MOST_DETAILS) -> None:
        self.counts: Counter[str] = Counter()
        self._most = most
        self._details: dict[str, dict[str, _Detail]] = {}

    def add(self, status: str, detail: str, count: int = 1) -> None:
        """Count a failure, or several with the same words."""
        self.counts[status] += count
        shown = plain_line(detail, DETAIL_CHARS).strip()
        if not shown:
            return
        group, kept = pattern(shown), self._details.setdefault(status, {})
        if group in kept:
            kept[group].add(shown, count)
        elif len(kept) < self._most:
            kept[group] = _Detail(shown, count)
        else:
            # each counter pays for the newcomer, which is forgotten with those that have nothing left
            paid = min(count, *(one.count for one in kept.values()))
            for one in kept.values():
                one.count -= paid
            self._details[status] = {name: one for name, one in kept.items() if one.count}
            if count > paid:
                self._details[status][group] = _Detail(shown, count - paid)

    def add_all(self, failures: Iterable[tuple[str, str]]) -> None:
        """Count pairs of status and detail."""
        for (status, detail), count in Counter(failures).items():
            self.add(status, detail, count)

    def commonest(self, status: str) -> str:
        """What was said most often beside a status; empty where nothing was."""
        kept = self._details.get(status)
        return max(kept.values(), key=lambda one: one.count).example if kept else ""

    def as_list(self) -> list[dict[str, Any]]:
        """``status``, ``count`` and ``detail``, what was said most often, from the commonest status on."""
        return [
            {"status": status, "count": count, "detail": self.commonest(status)}
            for status, count in self.counts.most_common()
        ]


class _Detail:
    """A group of details: how many, and the wording that most of them have (the majority vote of Boyer and Moore)."""

    def __init__(self, example: str, count: int) -> None:
        self.example = example
        self.count = count
        self._votes = count

    def add(self, shown: str, count: int) -> None:
        self.count += count
        self._votes += count if shown == self.example else -count
        if self._votes < 0:
            self.example, self._votes = shown, -self._votes


class Failing:
    """What fails while a run goes on: pairs that were given up, and tries that may still be made good.

    Tries are counted in a backend's thread, pairs in the main one.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pairs: Counter[str] = Counter()
        self._tries = Reasons()
        self._due = False

    def given_up(self, status: str) -> None:
        """A pair has no judgment."""
        with self._lock:
            self._pairs[status] += 1

    def tried(self, status: str, detail: str, show: Callable[[], None]) -> None:
        """A try failed. *show* is called within half a second, in a thread of its own, once for all tries till then."""
        with self._lock:
            self._tries.add(status, detail)
            if self._due:
                return
            self._due = True
        clock = threading.Timer(REFRESH_SECONDS, self._show, (show,))
        clock.daemon = True
        clock.start()

    def _show(self, show: Callable[[], None]) -> None:
        with self._lock:
            self._due = False
        show()

    def tries(self) -> list[dict[str, Any]]:
        """The tries that failed, as :meth:`Reasons.as_list` gives them."""
        with self._lock:
            return self._tries.as_list()

    def words(self) -> list[str]:
        """``12 without a judgment (rejected)``, ``tries failed: rate-limited 12``; what there is of it."""
        parts = []
        with self._lock:
            if self._pairs:
                (status, _), *others = self._pairs.most_common(2)
                mostly = "mostly " if others else ""
                parts.append(f"{self._pairs.total():,} without a judgment ({mostly}{status})")
            if self._tries.counts:
                listed = self._tries.counts.most_common(SHOWN_STATUSES)
                told = ", ".join(f"{status} {count:,}" for status, count in listed)
                # while there is nothing else to see, in the server's words
                said = "" if self._pairs else quoted(self._tries.commonest(listed[0][0]))
                parts.append(f"tries failed: {told}{said}")
        return parts


def pattern(detail: str) -> str:
    """A detail without what may differ from pair to pair."""
    return VARYING.sub("#", QUOTED.sub("''", detail))


def reasons_in_words(reasons: Sequence[Mapping[str, Any]]) -> str:
    """``rejected 16: "temperature must be > 0", timeout 3``, from :meth:`Reasons.as_list`; empty without any.

    The two commonest statuses come with what was said most often.
    """
    return ", ".join(
        f"{one['status']} {one['count']:,}{quoted(one['detail']) if place < TOLD_STATUSES else ''}"
        for place, one in enumerate(reasons)
    )


def quoted(detail: str, most: int = SHOWN_CHARS) -> str:
    """``: "the words"``, shortened, to follow a status; empty without words."""
    return f': "{shortened(detail, most)}"' if detail else ""


def shortened(text: str, most: int = SHOWN_CHARS) -> str:
    """At most *most* characters of a text, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"
