"""Secrets are taken out of texts, whatever they look like there (CONN-011)."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from osiris_provider.connections.redact import (
    MASK,
    Redactor,
    is_sensitive,
    passwords_in,
    public_value,
    safe_url,
    secrets_in,
    spellings,
    texts,
    without_passwords,
)

FORMS: dict[str, Callable[[str], str]] = {
    "raw": str,
    "quote": quote,
    "quote all": lambda secret: quote(secret, safe=""),
    "quote as requests does": lambda secret: quote(secret, safe="!#$%&'()*+,/:;=?@[]~"),
    "quote_plus": quote_plus,
    "quote in lower case": lambda secret: re.sub("%..", lambda actual: actual[0].lower(), quote(secret, safe="")),
    "repr": lambda secret: repr(secret)[1:-1],
    "repr among both quotes": lambda secret: repr(f"'\"{secret}")[4:-1],
    "repr of bytes": lambda secret: repr(secret.encode())[2:-1],
    "ascii": lambda secret: ascii(secret)[1:-1],
    "json": lambda secret: json.dumps(secret)[1:-1],
    "json with all characters": lambda secret: json.dumps(secret, ensure_ascii=False)[1:-1],
    "json in a repr": lambda secret: repr(json.dumps(secret))[2:-2],
    "json with all characters in a repr": lambda secret: repr(json.dumps(secret, ensure_ascii=False))[2:-2],
    "json in a repr among both quotes": lambda secret: repr(f"'{json.dumps(secret)}")[4:-2],
    "json with all characters in ascii": lambda secret: ascii(json.dumps(secret, ensure_ascii=False))[2:-2],
    "json in a repr of bytes": lambda secret: repr(json.dumps(secret, ensure_ascii=False).encode())[3:-2],
}
secrets = st.text(min_size=1) | st.text(alphabet="aB1@:/#%?&'\"\\ \n\té\U0001f511+$*()[]{}^|.", min_size=1)


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(secret=secrets)
def test_conn_011_no_form_of_a_secret_survives(form: Callable[[str], str], secret: str) -> None:
    shown = form(secret)
    frame = "<{}>"
    # What is part of the mask or of the frame itself shows nothing.
    assume(shown not in frame.format(MASK))
    redacted = Redactor([secret])(frame.format(shown))
    assert shown not in redacted
    assert redacted == frame.format(MASK) or MASK in redacted


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@given(secret=st.text(alphabet="abzABZ019_.-", min_size=1))
def test_conn_011_a_secret_that_nobody_quotes_has_one_form(form: Callable[[str], str], secret: str) -> None:
    assert {form(secret)} == spellings(secret) == {secret}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("secret", ["pässwörd", "it's ß", 'say "ß"', "both ' and \" of ž\U0001f511\\n"])
def test_conn_011_a_secret_in_another_script_with_quotes(form: Callable[[str], str], secret: str) -> None:
    assert Redactor([secret])(f"<{form(secret)}>") == f"<{MASK}>"


@given(st.lists(secrets.filter(lambda secret: not set(secret) & set("*<>")), min_size=1))
def test_conn_011_many_secrets_in_one_text(actual: list[str]) -> None:
    text = "".join(f"<{secret}>" for secret in actual)
    redacted = Redactor(actual)(text)
    assert not any(secret in redacted for secret in actual)


@given(st.text())
def test_conn_011_without_secrets_a_text_stays(text: str) -> None:
    assert Redactor([])(text) == text
    assert Redactor([""])(text) == text


def test_conn_011_a_secret_that_begins_with_another() -> None:
    assert Redactor(["pass", "password1"])("it is password1.") == f"it is {MASK}."


def test_conn_011_a_key_of_many_lines() -> None:
    key = "-----BEGIN-----\nabcdef0123\nZYXW+/98==\n-----END-----\n"
    redacted = Redactor([key])(f"{key} and its line ZYXW+/98== and {key!r}")
    assert not {"abcdef0123", "ZYXW"} & set(redacted.replace("\\n", " ").split())
    assert "ZYXW" not in redacted


@pytest.mark.parametrize(
    "secret", ["\\" * 40 + "a", "%25" * 40 + "a", "'\"\\" * 40 + "a", "+ " * 40, "\\x5c" * 40 + "!"]
)
def test_conn_011_no_secret_makes_looking_for_it_slow(secret: str) -> None:
    redactor = Redactor([secret])
    text = secret[:-1] * 20
    started = time.thread_time()
    redactor(text)
    redactor(repr(text))
    assert time.thread_time() - started < 5
    assert secret not in redactor(secret)


def test_conn_011_a_long_secret() -> None:
    key = "\n".join("aB+/" * 16 for _ in range(100))
    started = time.thread_time()
    assert Redactor([key])(f"<{key!r}>") == f"<'{MASK}'>"
    assert time.thread_time() - started < 5


def test_conn_011_neither_repr_nor_whole_shows_a_secret() -> None:
    redactor = Redactor(["s3cret"])
    assert "s3cret" not in f"{redactor!r} {redactor} {redactor.masked('host-s3cret')} {redactor.masked('s3cret')}"
    assert redactor.masked("host.example.com") == "host.example.com"
    assert redactor.masked("host-s3cret") == redactor.masked("s3cret") == MASK


@given(secrets)
def test_conn_011_spellings_hold_the_usual_forms(secret: str) -> None:
    actual = spellings(secret)
    assert {form(secret) for form in FORMS.values()} <= actual
    assert "" not in actual


def test_conn_011_texts_of_nested_values() -> None:
    value = {"a": "one", "b": ["two", {"c": 3, "d": None, "e": True}], "f": ("four",), "g": 1.5}
    assert sorted(texts(value)) == ["1.5", "3", "four", "one", "two"]


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("db.example.com", "db.example.com"),
        ("https://api.example.com/v1", "https://api.example.com/v1"),
        ("https://user:s3cret@api.example.com:8443/v1?key=s3cret#s3cret", "https://api.example.com:8443/v1"),
        ("https://s3cret@api.example.com", "https://api.example.com"),
        ("https://u:s3cret/x@h.example.com", MASK),
        ("md:db?motherduck_token=s3cret", "md:db"),
        ("user:s3cret@db.example.com", "db.example.com"),
        ("/data/a@b.duckdb", "/data/a@b.duckdb"),
        (":memory:", ":memory:"),
        ("http://[::1", MASK),
        # Passwords that begin with digits, or have an @, and are not quoted.
        ("https://u:12/3@h.example.com", MASK),
        ("https://u:12?3@h.example.com", MASK),
        ("https://u:12#3@h.example.com", MASK),
        ("https://u:1@2/3@h.example.com", MASK),
        ("https://u@2/3@h.example.com", MASK),
        ("https://u:1@2@h.example.com", "https://h.example.com"),
        ("https://h.example.com/x@y", "https://h.example.com/x@y"),
        ("https://h.example.com:8443/x", "https://h.example.com:8443/x"),
    ],
)
def test_conn_011_public_texts_lose_their_credentials(text: str, safe: str) -> None:
    assert safe_url(text) == safe


SAY_IT = (
    "AWS-Access-Key-ID api_key apikey Authorization connection-string credentials pg_dsn key_content keyfile_dict "
    "passphrase passwd db_password private_key sas_url client_secret service_account service_key tokens webhook"
)


@pytest.mark.parametrize("name", SAY_IT.split())
def test_a_name_says_that_its_entry_is_a_secret(name: str) -> None:
    assert is_sensitive(name)


@pytest.mark.parametrize("name", ["host", "key_id", "account", "passive", "sasl", "access", "connection", "warehouse"])
def test_a_name_that_says_nothing_of_secrets(name: str) -> None:
    assert not is_sensitive(name)


@pytest.mark.parametrize(
    "name",
    [
        *("access_key", "api_key", "apikey", "authorization", "connection_string", "credential", "dsn", "key_content"),
        *("keyfile", "passphrase", "passwd", "password", "private_key", "sas_", "secret", "service_account", "token"),
        *("service_key", "webhook"),
    ],
)
def test_names_of_secrets(name: str) -> None:
    assert is_sensitive(name)
    assert is_sensitive(f"My-{name.upper().replace('_', '-')}-2")
    assert not is_sensitive(f"{name[:-1]} {name[-1]}")


@pytest.mark.parametrize(
    ("text", "password"),
    [
        ("postgresql://ann:p%40ss@h/db", "p@ss"),
        ("postgresql://h/db?user=ann&password=p%40ss&sslmode=require", "p@ss"),
        ("postgresql://h/db?sslpassword=p%40ss&sslmode=require", "p@ss"),
        ("host=h sslpassword='p\\'ss' user=ann", "p'ss"),
        ("Server=h;Database=d;Uid=ann;Pwd=p@ss;Encrypt=yes", "p@ss"),
        ("jdbc:sqlserver://h:1433;user=ann;password=p@ss;encrypt=true", "p@ss"),
    ],
)
def test_conn_011_the_password_in_a_connection_string(text: str, password: str) -> None:
    assert password in set(passwords_in(text))
    assert Redactor(passwords_in(text))(f"<{password}>") == f"<{MASK}>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("db.example.com", "db.example.com"),
        ("https://u:p@h/x?k=1#f", "https://h/x"),
        ("https://u:s3cret@h/x", "https://h/x"),
        ("https://s3cret/x", MASK),
        ("s3cret.example.com", MASK),
        *((value, value) for value in (5432, 1.5, True, None)),
        *((value, MASK) for value in (["x"], ("x",), {"a": 1}, [], {})),
    ],
)
def test_conn_011_a_public_value_shows_no_login_and_no_part_of_a_secret(value: object, shown: object) -> None:
    assert public_value(value, Redactor(["s3cret"])) == shown


def test_conn_011_what_a_server_says_loses_each_text_with_a_secret() -> None:
    said = {"a": "has s3cret", "s3cret": 1, 2: ["s3cre", ("s3cret", "abc")], "b": {"c": None}}
    shown = {"a": MASK, MASK: 1, "2": ["s3cre", [MASK, "abc"]], "b": {"c": None}}
    assert Redactor(["s3cret", "abc"]).inside(said) == shown


def test_conn_011_a_statement_loses_the_passwords_of_connection_strings() -> None:
    text = "ATTACH 'mysql://ann:s3cret@db' (password='0ther'), pwd=abc"
    assert without_passwords(text) == f"ATTACH 'mysql://ann:{MASK}@db' (password='{MASK}'), pwd=abc"


def test_secrets_of_an_object_are_those_below_names_that_say_so() -> None:
    value = {"token": "x", "a": {"Password": ["y"], "b": "z"}, "l": [{"api-key": {"k": 1}}, "v"]}
    assert secrets_in(value) == ["x", ["y"], {"k": 1}]
    assert [secrets_in(other) for other in ("text", ["x"], None)] == ["text", ["x"], None]
