"""Imitations."""

from __future__ import annotations

from tests.hooks.case import Case

IMITATIONS: tuple[Case, ...] = ()
