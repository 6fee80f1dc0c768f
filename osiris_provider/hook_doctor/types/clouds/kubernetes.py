"""Kubernetes: statuses of its API. Its version is for everyone; what one may do is only for who has logged in."""

from __future__ import annotations

import json
from typing import Any

from osiris_provider.connectors.faults import MISCONFIGURED, TLS_REQUIRED
from osiris_provider.connectors.http.faults import REQUEST_TIMEOUT
from osiris_provider.hook_doctor.base import Details, HookType
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES

# The request is always the same, and right.
_NO_REQUEST = TLS_REQUIRED.reworded(
    "{address} does not take the request as it is. If its port is for TLS, the kubeconfig has to say https."
)


def _review(hook: Any) -> Details:
    from kubernetes import client

    api = hook.get_conn()
    api.configuration.retries = False
    attributes = client.V1ResourceAttributes(verb="list", resource="pods", namespace=hook.get_namespace() or "default")
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    # Nothing is kept of it there.
    answer = client.AuthorizationV1Api(api).create_self_subject_access_review(
        client.V1SelfSubjectAccessReview(spec=spec), _preload_content=False
    )
    # Its client would take a page for an answer without the fields that it wants.
    json.loads(answer.data)
    return {}


TYPE = HookType(
    conn_types=("kubernetes",),
    title="Kubernetes",
    codes={
        **HTTP_CLASSES,
        "ApiException": {**STATUSES, 400: _NO_REQUEST, 504: REQUEST_TIMEOUT},
        "ConfigException": MISCONFIGURED,
    },
    codes_at=("status", "response.status_code"),
    probe=_review,
    endpoint=lambda _: None,
    evidence="imitation",
)
