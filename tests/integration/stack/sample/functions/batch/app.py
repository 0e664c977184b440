"""Notes every message it sees in the bucket; a message that says so fails."""

import functools
import json
import os
import time
import uuid
from typing import Any

import boto3


@functools.cache
def s3() -> Any:
    return boto3.client("s3")


def handler(event: Any, context: Any) -> Any:
    failed = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        count = record["attributes"]["ApproximateReceiveCount"]
        s3().put_object(
            Bucket=os.environ["BUCKET"],
            Key=f"seen/{body['name']}/{count}-{uuid.uuid4()}",
            Body=json.dumps(record | {"seenAt": time.time()}).encode(),
        )
        if body.get("fails"):
            failed.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failed}
