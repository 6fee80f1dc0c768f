"""Connection models: coercion, required fields, secrets (CONN-006 … 008, 011)."""

from __future__ import annotations

from typing import Annotated, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connectors.model import FieldInfo
from osiris_provider.errors import ConnectionConfigError

from tests.unit.fakes import FakeConnection, connection

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from([*FakeConnection.declared(), "never_heard_of", "family", ""])


@given(st.dictionaries(NAMES, ANYTHING))
def test_conn_008_coercion_never_raises_and_never_mixes(fields: dict[str, Any]) -> None:
    coerced, problems, unknown = FakeConnection.coerce(fields)
    assert not (coerced and problems)
    assert set(unknown) <= set(fields) - set(FakeConnection.declared())
    if not problems:
        again = FakeConnection.coerce(coerced)
        assert repr(again[0]) == repr(coerced), "coercing twice is coercing once"
        assert len(coerced) <= len(fields)


@given(st.dictionaries(NAMES, ANYTHING))
def test_conn_007_parse_raises_only_its_own_error(fields: dict[str, Any]) -> None:
    raised: ConnectionConfigError | None = None
    try:
        FakeConnection.parse(fields)
    except ConnectionConfigError as error:
        raised = error
    assert raised is None or (raised.__cause__, raised.__context__) == (None, None)


@pytest.mark.parametrize(("written", "port"), [("3306", 3306), (" 3306 ", 3306), (3306, 3306), (3306.0, 3306)])
def test_conn_008_number_as_text(written: Any, port: int) -> None:
    coerced, problems, _ = FakeConnection.coerce({"does": "ok", "port": written})
    assert (coerced["port"], problems) == (port, [])


@pytest.mark.parametrize("written", ["abc", "", "33O6", 1.5, 0, 65536, [1], {}])
def test_conn_008_not_a_port(written: Any) -> None:
    with pytest.raises(ConnectionConfigError, match=r"^@fake.ok: field port: ") as raised:
        FakeConnection.parse(connection(port=written))
    assert (raised.value.reference, raised.value.field) == ("@fake.ok", "port")


@pytest.mark.parametrize(("written", "value"), [("true", True), ("no", False), ("1", True), (0, False)])
def test_conn_008_switch_as_text(written: Any, value: bool) -> None:
    assert FakeConnection.parse(connection(ssl=written)).ssl is value


def test_conn_007_all_problems_at_once() -> None:
    with pytest.raises(ConnectionConfigError, match=r"field does: is required: What a check does;") as raised:
        FakeConnection.parse({"family": "fake", "alias": "x", "port": "many", "ratio": "some"})
    assert all(f"field {name}: " in str(raised.value) for name in ("does", "port", "ratio"))


def test_conn_006_only_given_fields() -> None:
    coerced, _, unknown = FakeConnection.coerce({"does": "ok", "pwd": "x", "ratio": None, "extra": [1]})
    assert coerced == {"does": "ok", "password": "x", "extra": [1]}
    assert unknown == ["extra"]


def test_two_names_of_a_field_are_a_problem() -> None:
    assert FakeConnection.coerce({"does": "ok", "pwd": "x", "password": "y"})[1] == [
        ("password", "means the same as pwd; keep one")
    ]


def test_conn_011_errors_show_no_value() -> None:
    with pytest.raises(ConnectionConfigError) as raised:
        FakeConnection.parse(connection(password=["s3cret"], port="s3cret", headers={"a": ["s3cret"]}))
    assert "s3cret" not in f"{raised.value!r} {vars(raised.value)}"


def test_conn_011_model_shows_no_secret() -> None:
    model = FakeConnection.parse(connection(password="s3cret", headers={"X": "s3cret"}))
    assert "s3cret" not in f"{model!r} {model} {model.model_dump()} {model.model_dump_json()}"


def test_conn_011_redactor_knows_every_secret() -> None:
    fields = connection(pwd="s3cret", headers={"X": "h3ader"}, never_heard_of={"deep": ["unkn0wn"]})
    redact = FakeConnection.redactor(fields)
    assert redact("s3cret h3ader unkn0wn ok fake") == "*** *** *** ok fake"


def test_model_is_frozen() -> None:
    model = FakeConnection.parse(connection())
    with pytest.raises(ValueError, match="frozen"):
        model.port = 2


def test_declaration() -> None:
    declared = FakeConnection.declared()
    assert [spec.name for spec in FakeConnection.fields()] == ["does", "password", "port", "ratio", "ssl", "headers"]
    assert declared["pwd"] is declared["password"]
    assert {name for name, spec in declared.items() if spec.secret} == {"password", "pwd", "headers"}
    assert {name for name, spec in declared.items() if spec.is_scalar} == {"does", "password", "pwd"}
    assert [spec.name for spec in FakeConnection.fields() if spec.required] == ["does"]


class Labelled(FakeConnection):
    ssl_ca: Annotated[str, FieldInfo("A file.")] = ""
    api_url_of_shop: Annotated[str, FieldInfo("A URL.")] = ""
    pg_dsn: Annotated[str, FieldInfo("A string.", label="Connection string")] = ""


def test_labels_are_made_of_names_unless_they_are_given() -> None:
    labels = {spec.name: spec.label for spec in Labelled.fields()}
    assert labels["does"] == "Does"
    assert labels["ssl"] == "SSL"
    assert labels["ssl_ca"] == "SSL CA"
    assert labels["api_url_of_shop"] == "API URL of shop"
    assert labels["pg_dsn"] == "Connection string"
