"""A throwaway S3 server."""

from __future__ import annotations

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import requests
from typing_extensions import Self

from tests.servers.process import HOST
from tests.servers.programs import ServerStartError

REPOSITORY: Final = Path(__file__).resolve().parents[2]
KEY_ID: Final = "AKIAIOSFODNN7EXAMPLE"
SECRET: Final = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION: Final = "us-east-1"


class S3Server:
    """A server that speaks S3, with one bucket ``staging``, on a free port of 127.0.0.1; use it as a context manager.

    It takes any credentials, except within :meth:`checking_credentials`.
    """

    bucket = "staging"

    def __init__(self) -> None:
        self.port = 0
        self._process: subprocess.Popen[str] | None = None

    @property
    def origin(self) -> str:
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "tests.servers.s3_app"]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            self.__exit__()
            msg = f"{' '.join(command)} ended before it could be used"
            raise ServerStartError(msg)
        self.port = int(line)
        self.client().create_bucket(Bucket=self.bucket)
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    @cache  # noqa: B019 - there are few servers, and to make a client takes a second
    def client(self, service: str = "s3") -> Any:
        """Return a boto3 client."""
        import boto3

        session = boto3.Session(aws_access_key_id=KEY_ID, aws_secret_access_key=SECRET, region_name=REGION)
        return session.client(service, endpoint_url=self.origin)

    def airflow_connection(self, key_id: str = KEY_ID, secret: str = SECRET) -> str:
        """Return an Airflow connection of type aws, as it stands in a variable ``AIRFLOW_CONN_…``."""
        extra = {"endpoint_url": self.origin, "region_name": REGION}
        return json.dumps({"conn_type": "aws", "login": key_id, "password": secret, "extra": extra})

    def environment(self) -> dict[str, str]:
        """Return the variables that any client of AWS reads."""
        return {
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ENDPOINT_URL": self.origin,
        }

    def objects(self) -> list[str]:
        """Return the keys of all objects of the bucket."""
        pages = self.client().get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [item["Key"] for page in pages for item in page.get("Contents", [])]

    def uploads(self) -> list[str]:
        """Return the keys of uploads that have begun and are neither complete nor aborted."""
        return [upload["Key"] for upload in self.client().list_multipart_uploads(Bucket=self.bucket).get("Uploads", [])]

    def clear(self) -> None:
        """Remove all objects and uploads."""
        client = self.client()
        for key in self.objects():
            client.delete_object(Bucket=self.bucket, Key=key)
        for upload in client.list_multipart_uploads(Bucket=self.bucket).get("Uploads", []):
            client.abort_multipart_upload(Bucket=self.bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def control(self, command: str) -> Any:
        """Say ``served``, ``hold`` or ``release``; see :class:`~tests.servers.s3_app.WatchedApp`."""
        return requests.get(f"{self.origin}/_control/{quote(command)}", timeout=10).json()

    def restricted_key(self) -> tuple[str, str]:
        """Return a key id and a secret that may list the bucket, and nothing else."""
        iam = self.client("iam")
        name = uuid.uuid4().hex
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="list", PolicyDocument=policy)
        access_key = iam.create_access_key(UserName=name)["AccessKey"]
        return access_key["AccessKeyId"], access_key["SecretAccessKey"]

    @contextmanager
    def checking_credentials(self) -> Iterator[None]:
        """Check credentials and rights for a while."""
        self._check_credentials("0")
        try:
            yield
        finally:
            self._check_credentials("inf")

    def _check_credentials(self, after: str) -> None:
        requests.post(f"{self.origin}/moto-api/reset-auth", data=after, timeout=10).raise_for_status()
