"""The families of this package keep the contract of ``osiris_provider.testing``; staging has one of its own."""

import pytest

pytest.register_assert_rewrite(f"{__name__}.staging")
