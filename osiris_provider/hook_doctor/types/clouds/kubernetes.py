"""Kubernetes: statuses of its API. Its version is for everyone; what one may do is only for who has logged in."""

from __future__ import annotations

import json
from typing import Any

from osiris_provider.connectors.faults import GARBAGE, MISCONFIGURED, TLS_REQUIRED
from osiris_provider.connectors.http.faults import REQUEST_TIMEOUT
from osiris_provider.connectors.sql.faults import NO_PASSWORD
from osiris_provider.hook_doctor.base import Details, HookType, reading_fields
from osiris_provider.hook_doctor.tables import HTTP_CLASSES, STATUSES

# The request is always the same, and right.
_NO_REQUEST = TLS_REQUIRED.reworded(
    "{address} does not take the request as it is. If its port is for TLS, the kubeconfig has to say https."
)
_NO_LOGIN = NO_PASSWORD.reworded(
    "{address} takes no requests without credentials. The kubeconfig has none, or its program for them has failed here."
)


class KubernetesNoLoginError(Exception):
    """The API has refused a request without credentials: the kubeconfig has none, or its program has given none."""


class KubernetesOtherServerError(Exception):
    """What answers is no API of Kubernetes."""


class KubernetesNoServerError(Exception):
    """The kubeconfig names no server, for which the client takes this machine."""


_DEFAULT = "http://localhost"
_KIND = "SelfSubjectAccessReview"
_FORBIDDEN = 403


def _review(hook: Any) -> Details:
    from kubernetes import client
    from urllib3 import Retry

    with reading_fields():
        api = hook.get_conn()
        namespace = hook.get_namespace() or "default"
    if api.configuration.host == _DEFAULT:
        raise KubernetesNoServerError
    # One try, and no other address.
    once = Retry(total=0, redirect=0, raise_on_redirect=False)
    api.rest_client.pool_manager.connection_pool_kw["retries"] = once
    attributes = client.V1ResourceAttributes(verb="list", resource="pods", namespace=namespace)
    spec = client.V1SelfSubjectAccessReviewSpec(resource_attributes=attributes)
    try:
        # Nothing is kept of it there.
        answer = client.AuthorizationV1Api(api).create_self_subject_access_review(
            client.V1SelfSubjectAccessReview(spec=spec), _preload_content=False
        )
    except client.ApiException as error:
        if error.status == _FORBIDDEN and not _has_login(api):
            raise KubernetesNoLoginError from None
        raise
    # Its client would take a page for an answer without the fields that it wants.
    said = json.loads(answer.data)
    if not isinstance(said, dict) or said.get("kind") != _KIND:
        raise KubernetesOtherServerError
    return {"proven": _has_login(api)}


def _has_login(api: Any) -> bool:
    known = api.configuration
    return bool(known.api_key or known.cert_file or known.username)


TYPE = HookType(
    conn_types=("kubernetes",),
    title="Kubernetes",
    codes={
        **HTTP_CLASSES,
        "ApiException": {**STATUSES, 400: _NO_REQUEST, 504: REQUEST_TIMEOUT},
        "ConfigException": MISCONFIGURED,
        "KubernetesNoLoginError": _NO_LOGIN,
        "KubernetesOtherServerError": GARBAGE,
        "KubernetesNoServerError": MISCONFIGURED,
    },
    codes_at=("status", "response.status_code"),
    probe=_review,
    endpoint=lambda _: None,
    evidence="imitation",
)
