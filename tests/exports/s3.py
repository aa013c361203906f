"""An S3 server for tests: moto's, on loopback, in this process; the store of the settings that come with it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from moto.server import ThreadedMotoServer

from patrongraph.settings import Settings

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "tests",
    "AWS_SECRET_ACCESS_KEY": "tests",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}


@dataclass
class S3:
    """A bucket `exports` at `url`, used under the prefix `north/files`; it can be stopped and started again."""

    server: ThreadedMotoServer
    port: int
    client: Any

    def names(self) -> list[str]:
        """The keys of all objects, without the prefix when they have it."""
        found = self.client.list_objects_v2(Bucket="exports").get("Contents", [])
        return [one["Key"].removeprefix("north/files/") for one in found]

    def uploads(self) -> list[str]:
        """The keys of unfinished uploads."""
        return [one["Key"] for one in self.client.list_multipart_uploads(Bucket="exports").get("Uploads", [])]

    def content(self, name: str) -> bytes:
        return self.client.get_object(Bucket="exports", Key=f"north/files/{name}")["Body"].read()

    def put(self, key: str, content: bytes = b"x") -> None:
        self.client.put_object(Bucket="exports", Key=key, Body=content)

    def empty(self) -> None:
        for one in self.client.list_objects_v2(Bucket="exports").get("Contents", []):
            self.client.delete_object(Bucket="exports", Key=one["Key"])

    def stop(self) -> None:
        self.server.stop()

    def start(self) -> None:
        self.server = ThreadedMotoServer("127.0.0.1", self.port, verbose=False)
        self.server.start()

    @contextmanager
    def away(self) -> Iterator[None]:
        """As when the store is down: nobody listens."""
        self.stop()
        try:
            yield
        finally:
            self.start()


@contextmanager
def s3_server() -> Iterator[S3]:
    """Start the server with an empty bucket, and point this process and its children at it."""
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    given = ENVIRONMENT | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}"}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        client = boto3.client("s3", endpoint_url=given["AWS_ENDPOINT_URL"], region_name="us-east-1")
        client.create_bucket(Bucket="exports")
        yield (s3 := S3(server, port, client))
        s3.stop()
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def in_bucket(settings: Settings) -> Settings:
    return settings.model_copy(update={"export_store": "s3://exports/north/files"})


__all__ = ["S3", "in_bucket", "s3_server"]
