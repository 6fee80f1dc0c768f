"""What holds for all models of what people write in YAML: connections, configs of drivers, pipelines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from osiris_provider.connections.registry import family_names
from osiris_provider.connectors import get_connector
from osiris_provider.connectors.model import ConnectionModel, leaves
from osiris_provider.drivers.base import BaseDriver
from osiris_provider.drivers.registry import driver_names, get_driver
from osiris_provider.drivers.validation import validated
from osiris_provider.messages import errors_of
from osiris_provider.pipelines import model as pipelines
from pydantic import BaseModel, ValidationError


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """Yield a model and those in its fields."""
    yield model
    for field in model.model_fields.values():
        for inner in leaves(field.annotation):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from models(inner)


def written() -> Iterator[type[BaseModel]]:
    """Yield all models of what people write."""
    for family in family_names():
        yield from models(get_connector(family).model)
    for name in driver_names():
        driver = get_driver(name)
        if isinstance(driver, BaseDriver):
            yield from models(driver.config_model)
    for top in (pipelines.OmlPipelineModel, pipelines.OmlStepModel, pipelines.PipelineModel, pipelines.StepModel):
        yield from models(top)


MODELS = list(dict.fromkeys(written()))
NUMBERS = [
    (model, name)
    for model in MODELS
    for name, field in model.model_fields.items()
    if {int, float} & set(leaves(field.annotation)) and bool not in leaves(field.annotation)
]

OF_ANY_SIZE = {"first_cursor", "initial_value", "lookback", "start"}
"""They go into a request, or a time that is too early is refused when it is known."""


@pytest.mark.parametrize(("model", "name"), NUMBERS)
@pytest.mark.parametrize("value", [True, False])
def test_a_number_is_no_boolean(model: type[BaseModel], name: str, value: bool) -> None:
    with pytest.raises(ValidationError) as caught:
        validated(model, {name: value})

    assert (name,) in {item["loc"] for item in errors_of(caught.value, {name: value})}


@pytest.mark.parametrize(("model", "name"), [one for one in NUMBERS if one[1] not in OF_ANY_SIZE])
@pytest.mark.parametrize("value", [10**30, "1e300", float("inf"), float("nan")])
def test_a_number_is_none_that_no_library_takes(model: type[BaseModel], name: str, value: object) -> None:
    with pytest.raises(ValidationError) as caught:
        validated(model, {name: value})

    assert (name,) in {item["loc"] for item in errors_of(caught.value, {name: value})}


@pytest.mark.parametrize("value", [1, 1.0, "1", True])
def test_what_may_be_a_number_or_a_boolean_is_what_was_written(value: object) -> None:
    said = validated(pipelines.AirflowTask, {"retry_exponential_backoff": value}).retry_exponential_backoff

    assert said == 1
    assert isinstance(said, bool) == isinstance(value, bool)


class Secret:
    """A value of no type that a field has."""

    def __repr__(self) -> str:
        return "s3cret"


@pytest.mark.parametrize("model", MODELS)
def test_an_error_shows_no_value(model: type[BaseModel]) -> None:
    with pytest.raises(ValidationError) as caught:
        validated(model, {name: Secret() for name in (*model.model_fields, "of_no_name")})

    assert "s3cret" not in f"{caught.value} {caught.value!r}"
    unknown = [item["loc"] for item in caught.value.errors() if item["type"] == "extra_forbidden"]
    assert unknown == ([] if issubclass(model, ConnectionModel) else [("of_no_name",)])


@pytest.mark.parametrize("model", MODELS)
def test_what_was_read_is_not_changed(model: type[BaseModel]) -> None:
    name = next(iter(model.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(model.model_construct(), name, None)
