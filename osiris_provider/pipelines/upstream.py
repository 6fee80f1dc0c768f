"""What upstream Osiris (OML 0.1.0) promises a step: the names of its inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping


def input_names(inputs: Mapping[str, str]) -> dict[str, str]:
    """Return the inputs of a step under all names that OML has for them.

    ``orders`` is also ``df_orders``; a single input is also ``input_df``.

    :param inputs: steps by name.
    """
    names = dict(inputs)
    for name, step in inputs.items():
        names.setdefault(frame_name(name), step)
    if len(inputs) == 1:
        names.setdefault("input_df", *inputs.values())
    return names


def frame_name(step: str) -> str:
    """Return the name of a step's result: ``df_`` and its id in letters, digits and ``_``."""
    return "df_" + re.sub(r"[^A-Za-z0-9_]", "_", step)
