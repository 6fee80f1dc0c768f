"""Settings for all tests of checks by hooks."""

from __future__ import annotations

import os

# requests takes it in the place of the authority that a connection names, and so would the hooks.
for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
    os.environ.pop(variable, None)
