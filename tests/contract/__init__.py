"""What every connector and every driver promises, as test classes to inherit. For this package and for yours.

The suite stands alone: copy this directory (it is in the source distribution) into your tests, or put the unpacked
source distribution on the path. It needs pytest and hypothesis, and no conftest of this project. A family's tests are
then its fixtures::

    class TestAcmeConnector(CredentialsContract, NetworkContract):
        public_fields = frozenset({"host"})

        @pytest.fixture
        def connector(self) -> Iterator[AcmeConnector]:
            connector = AcmeConnector()
            yield connector
            connector.close_all()

        @pytest.fixture
        def healthy(self, acme_server: Server) -> dict[str, Any]:
            return {"family": "acme", "alias": "test", "host": acme_server.host, "port": acme_server.port, ...}

        def at(self, connection: dict[str, Any], host: str, port: int) -> dict[str, Any]:
            return {**connection, "host": host, "port": port}

- :class:`.connector.ConnectorContract`: all connectors.
- :class:`.credentials.CredentialsContract`: connectors whose connections have a secret.
- :class:`.network.NetworkContract`: connectors that reach their peer through a network.
- :class:`.driver.ExtractorContract`, :class:`.driver.WriterContract`: drivers, with
  :class:`.context.RecordingContext` in the place of whoever runs them.

Classes, not flags: a family inherits what applies to it, so that nothing is skipped. ``test_duckdb.py`` and
``test_filesystem.py`` beside this file show the smallest use. Tests carry the number of the rule that they show.
"""

import pytest

for _module in ("connector", "credentials", "network", "driver"):
    pytest.register_assert_rewrite(f"{__name__}.{_module}")
