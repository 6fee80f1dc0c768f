"""What can go wrong with the check of a hook, beside what goes wrong with its server."""

from __future__ import annotations

from osiris_provider.connectors.faults import MISCONFIGURED, UNKNOWN_HOST
from osiris_provider.connectors.sql.faults import DENIED, LOGIN_METHOD
from osiris_provider.errors import Fault

UNTESTABLE = Fault(
    "untestable",
    "unknown",
    "Nothing can be said of {address}: its connection type has no test that is safe to run. Its hook was not tried.",
    permanent=True,
)
NEEDS_ANOTHER = UNTESTABLE.reworded(
    "Nothing can be said of {address}: its hook needs another connection as well, and a check is given this one alone. "
    "Its tasks may work; see that they do."
)
NO_PROVIDER = Fault(
    "no_provider",
    "unknown",
    "No installed provider knows the type of {address}. Install the provider here, or correct conn_type.",
    permanent=True,
)
PROVIDER_BROKEN = Fault(
    "provider_broken",
    "unknown",
    "The hook for {address} cannot be imported here. Install what its provider needs; pip check says what is missing.",
    permanent=True,
)
TEST_FAILED = Fault(
    "test_failed",
    "unknown",
    "{address} can be reached, but the test of its hook failed, and no code says why. Check the connection's fields.",
)
KEY_LOCKED = LOGIN_METHOD.reworded(
    "The private key for {address} is encrypted, and its passphrase is wrong or missing. Set the right one."
)
# It runs when the password has been accepted; what it refuses now, it may let in an hour later.
LOGON_TRIGGER = DENIED.reworded(
    "{address} accepts the user, but a logon trigger there refuses the login. Have its rules looked at: they may be "
    "about the hour, this machine, the program or the number of sessions."
)
FILE_UNREADABLE = MISCONFIGURED.reworded(
    "A file that the connection to {address} names is not there, or cannot be read here. Check its path."
)
HOST_IS_NO_NAME = (
    "The host of {address} has a blank, a port, a scheme such as https:// or a path in it, so DNS cannot know it. "
    "Leave the bare name."
)
NO_HOST = MISCONFIGURED.reworded("There is no host for {address}. Set field host of the connection.")
UNKNOWN_NO_NAME = UNKNOWN_HOST.reworded(HOST_IS_NO_NAME)
MISCONFIGURED_NO_NAME = MISCONFIGURED.reworded(HOST_IS_NO_NAME)
NO_VERDICT = Fault(
    "no_verdict",
    "unknown",
    "The process that checked {address} ended without an answer; a library may have crashed. Try again, and report it.",
)
REFUSED_BEFORE = Fault(
    "refused_before",
    "auth",
    "{address} refused these credentials before. Correct them: others are tried at once, these only after some hours, "
    "so that the account is not locked. doctor --force tries them now.",
)
"""Its words are those of a cool-down; the slug is that of the fault that began it, where that is still known."""
