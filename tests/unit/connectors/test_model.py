"""Connection models: coercion, required fields, secrets (CONN-006 … 008, 011)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from osiris_provider.connections.resolved import ResolvedConnection
from osiris_provider.connectors.model import (
    ConnectionModel,
    FieldError,
    FieldInfo,
    JsonObject,
    leaves,
    readable_file,
    reference_of,
)
from osiris_provider.errors import ConnectionConfigError
from pydantic import SecretStr, ValidationError, model_validator
from typing_extensions import Self

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
    pg_port: Annotated[int, FieldInfo("A port.")] = 1
    dsn: Annotated[str, FieldInfo("A string.")] = ""
    pg_dsn: Annotated[str, FieldInfo("A string.", label="Connection string")] = ""


def test_labels_are_made_of_names_unless_they_are_given() -> None:
    labels = {spec.name: spec.label for spec in Labelled.fields()}
    assert labels["does"] == "Does"
    assert labels["ssl"] == "SSL"
    assert labels["ssl_ca"] == "SSL CA"
    assert labels["api_url_of_shop"] == "API URL of shop"
    assert (labels["pg_port"], labels["dsn"]) == ("PostgreSQL port", "DSN")
    assert labels["pg_dsn"] == "Connection string"


class Kinds(ConnectionModel):
    """A field of each kind."""

    text: Annotated[str, FieldInfo("A text.", public=True, aliases=("words",))] = ""
    secret: Annotated[SecretStr | None, FieldInfo("A secret.", public=True)] = None
    level: Annotated[Literal["low", "high"], FieldInfo("A level.")] = "low"
    number: Annotated[int | None, FieldInfo("A number.")] = None
    share: Annotated[float, FieldInfo("A share.")] = 1.0
    switch: Annotated[bool, FieldInfo("A switch.")] = False
    maybe: Annotated[bool | None, FieldInfo("A switch, or not.")] = None
    asked: Annotated[bool, FieldInfo("A switch that has to be given.")] = True
    mode: Annotated[bool | Literal["ca"], FieldInfo("A switch or a word.")] = True
    either: Annotated[bool | int, FieldInfo("A switch or a number.")] = False
    texts: Annotated[list[str] | None, FieldInfo("Texts.")] = None
    secrets: Annotated[dict[str, SecretStr] | None, FieldInfo("Secrets by name.")] = None
    numbers: Annotated[tuple[int, ...], FieldInfo("Numbers.")] = ()
    anything: Annotated[JsonObject | None, FieldInfo("An object.")] = None
    bare: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.text == "wrong":
            problem = "is too much beside share"
            raise FieldError(problem, field="number")
        if self.text == "worse":
            problem = "nothing fits together"
            raise ValueError(problem)
        return self

    def shown_address(self) -> str:
        return "somewhere"

    def as_url(self, *, redacted: bool) -> str:
        return f"kinds://{redacted}"


DECLARED = Kinds.declared()


def names(attribute: str) -> set[str]:
    return {spec.name for spec in Kinds.fields() if getattr(spec, attribute)}


def test_what_a_type_says_of_a_field() -> None:
    assert names("secret") == {"secret", "secrets", "anything"}
    assert names("public") == {"text"}
    assert names("is_scalar") == {"text", "secret", "level", "bare"}
    assert names("verbatim") == {"text", "secret", "level", "bare", "texts", "secrets"}
    assert names("is_json") == {"anything"}
    assert names("required") == set()
    assert {spec.name: spec.choices for spec in Kinds.fields() if spec.choices} == {
        "level": ("low", "high"),
        "maybe": ("true", "false"),
        "mode": ("true", "false", "ca"),
    }
    assert DECLARED["words"] is DECLARED["text"]
    assert (DECLARED["bare"].info, DECLARED["share"].default) == (FieldInfo(""), 1.0)


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, [str]),
        (str | None, [str]),
        (Annotated[int | None, "x"], [int]),
        (list[str | None], [list, str]),
        (dict[str, list[int]], [dict, str, list, int]),
        (Literal["a", "b"] | None, [Literal["a", "b"]]),
    ],
)
def test_the_types_inside_of_a_type(annotation: Any, expected: list[Any]) -> None:
    assert list(leaves(annotation)) == expected


@pytest.mark.parametrize("value", [True, False])
def test_conn_008_a_yes_is_no_number(value: bool) -> None:
    coerced, problems, _ = Kinds.coerce(
        {"number": value, "share": value, "switch": value, "either": value, "new": value}
    )
    assert (coerced, [name for name, _ in problems]) == ({}, ["number", "share"])
    coerced, problems, unknown = Kinds.coerce({"switch": value, "either": value, "maybe": value, "new": value})
    assert (problems, unknown, coerced) == ([], ["new"], dict.fromkeys(("switch", "either", "maybe", "new"), value))


def test_conn_007_what_is_wrong_between_fields_names_the_field_that_is_to_change() -> None:
    assert Kinds.coerce({"text": "wrong", "number": "1"})[1] == [("number", "is too much beside share")]
    assert Kinds.coerce({"words": "wrong"})[1] == [("number", "is too much beside share")]
    assert Kinds.coerce({"text": "worse"})[1] == [(None, "nothing fits together")]
    with pytest.raises(ConnectionConfigError, match=r"^The connection: nothing fits together$") as raised:
        Kinds.parse({"text": "worse"})
    assert (raised.value.reference, raised.value.field) == (None, None)


def test_conn_007_a_wrong_field_is_called_as_it_is_written() -> None:
    assert [name for name, _ in Kinds.coerce({"words": [1]})[1]] == ["words"]


def test_an_unknown_field_passes_unless_it_is_about_security() -> None:
    coerced, problems, unknown = Kinds.coerce({"new": 1, "sslmode": "require"})
    assert (coerced, [name for name, _ in problems], unknown) == ({}, ["sslmode"], ["new"])


def test_conn_011_what_is_unknown_is_not_shown() -> None:
    model = Kinds.parse({"text": "shown", "new": "s3cret", "anything": {"a": "s3cret"}, "alias": "x", "default": True})
    assert "shown" in repr(model)
    assert "new='***'" in repr(model)
    assert "s3cret" not in f"{model!r}{model.anything}"
    assert set(model.model_extra or {}) == {"new"}


def test_conn_011_not_even_the_error_of_the_library_shows_a_value() -> None:
    for fields in ({"number": "s3cret"}, {"secret": ["s3cret"]}, {"text": "wrong", "secret": "s3cret"}):
        with pytest.raises(ValidationError) as raised:
            Kinds.model_validate(fields)
        assert "s3cret" not in str(raised.value)


def test_secrets_in_clear_by_their_fields() -> None:
    given = {"text": "shown", "secret": "one", "secrets": {"a": "two", "b": "three"}}
    assert list(Kinds.parse(given).secret_values()) == [
        ("secret", ["one"]),
        ("secrets", ["two"]),
        ("secrets", ["three"]),
    ]
    coerced, _, _ = Kinds.coerce({**given, "anything": {"a": 1}, "numbers": ["1", 2]})
    assert coerced == {**given, "anything": {"a": 1}, "numbers": [1, 2]}
    assert {*Kinds.secret_texts({**given, "alias": "x", "family": "kinds"})} >= {"one", "two", "three"}
    assert "x" not in Kinds.secret_texts({**given, "alias": "x"})


def test_conn_006_a_resolved_connection_is_parsed_but_once() -> None:
    class More(Kinds):
        """Another model."""

    resolved = ResolvedConnection({"family": "kinds", "alias": "x", "share": 2.0}, Kinds)
    assert Kinds.parse(resolved) is resolved.model
    assert resolved.model.share == 2
    assert type(More.parse(resolved)) is More


@pytest.mark.parametrize(
    ("family", "alias", "reference"),
    [("mysql", "main", "@mysql.main"), ("mysql", None, None), (None, "main", None), ("", "main", None)],
)
def test_a_connection_knows_its_reference_or_has_none(family: Any, alias: Any, reference: str | None) -> None:
    assert reference_of({"family": family, "alias": alias}) == reference
    assert reference_of({}) is None


def test_a_client_has_ten_seconds_to_connect() -> None:
    assert Kinds.parse({}).connect_seconds() == 10


def test_a_file_of_a_connection_is_there_and_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    file = tmp_path / "ca.pem"
    file.touch()
    assert readable_file("ssl_ca", None) is None
    assert readable_file("ssl_ca", str(file)) == readable_file("ssl_ca", "~/ca.pem") == str(file)
    monkeypatch.setattr(os, "access", lambda path, mode: (os.fspath(path), mode) != (str(file), os.R_OK))
    for path in (str(file), str(tmp_path), str(tmp_path / "s3cret")):
        with pytest.raises(ConnectionConfigError, match="field ssl_ca: there is no such file") as raised:
            readable_file("ssl_ca", path)
        assert (raised.value.field, path in str(raised.value)) == ("ssl_ca", False)
