"""The plugin of pytest: an assertion of the contract that fails shows its values. pytest loads it in every run."""

import pytest

MODULES = ("connector", "credentials", "driver", "family", "network", "resources", "secrecy")
"""The modules of this package that assert."""

pytest.register_assert_rewrite(*(f"osiris_provider.testing.{name}" for name in MODULES))
