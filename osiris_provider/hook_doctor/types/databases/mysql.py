"""MySQL and MariaDB through Airflow's hook. Connections of this type go to family mysql, whose doctor says more."""

from __future__ import annotations

from osiris_provider.connectors.faults import MISCONFIGURED, RESET
from osiris_provider.connectors.mysql.faults import FAULTS
from osiris_provider.hook_doctor.base import HookType

TYPE = HookType(
    conn_types=("mysql",),
    title="MySQL and MariaDB",
    # MySQLdb's and MySQL's own client number alike; 2002, 2003 and 2005 have their reason in a text, so one connect
    # tells it.
    codes={
        "Error": {**FAULTS, 2006: RESET, 2013: RESET},
        "MySQLError": {**FAULTS, 2006: RESET, 2013: RESET},
        # Of ssl, which may be a text in extra; no server speaks it.
        "JSONDecodeError": MISCONFIGURED,
    },
    codes_at=("errno", "args.0"),
    default_port=3306,
    imports=("MySQLdb",),
    needs_host=True,
    evidence="real server",
)
