"""How many examples a property test has: some with each change, ten times as many where others are looked for.

``HYPOTHESIS_PROFILE=search``, which the nightly workflow has, looks for others.
"""

from __future__ import annotations

import os
from typing import Any, Final

from hypothesis import settings

FIRST_FAILURE: Final = "first-failure"
"""The profile of ``scripts/test-mutants``: the same examples, of which the first that fails is enough."""
PROFILE: Final = os.environ.get("HYPOTHESIS_PROFILE", "tests")
TIMES: Final = 10 if PROFILE == "search" else 1


def examples(number: int, base: settings | None = None, **options: Any) -> settings:
    """Return the settings of a property test.

    :param number: of examples with each change.
    :param base: settings to begin with; the profile's if there are none.
    :param options: of :class:`hypothesis.settings`.
    """
    return settings(base, max_examples=number * TIMES, **options)
