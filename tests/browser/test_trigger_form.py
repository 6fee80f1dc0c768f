"""The parameters of a pipeline in the trigger form: what is typed there is what the run gets."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from tests.servers.airflow import AirflowServer
from tests.servers.airflow.rest import Rest, until

DAG = "form_of_params"


def test_a_run_starts_from_the_form_with_what_was_typed(page: Page, airflow: AirflowServer, admin: Rest) -> None:
    admin.wait_for_dag(DAG)
    page.goto(f"{airflow.origin}/dags/{DAG}")
    page.get_by_role("button", name="Trigger Dag").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_text("Of the rows")).to_be_visible()
    least = dialog.locator("input[name=element_least]")
    expect(least).to_have_value("1")
    least.fill("3")
    dialog.locator("#element_country").click()
    page.get_by_role("option", name="SK").click()
    dialog.get_by_role("button", name="Trigger", exact=True).click()
    # Some versions of the page say it twice.
    expect(page.get_by_text("Dag Run Triggered").first).to_be_visible()
    (run,) = until(lambda: admin.get(f"/dags/{DAG}/dagRuns")["dag_runs"], "run")
    assert run["conf"] == {"country": "SK", "least": 3}
    assert admin.finished(DAG, run["dag_run_id"]) == "success"
    assert admin.xcom(DAG, run["dag_run_id"], "rows")["rows"] == 3
