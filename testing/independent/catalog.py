"""The catalog in a bucket: read by boto3, walked by pystac-client."""
import concurrent.futures
import os
import pathlib
import posixpath
import warnings

import boto3
import botocore.config
import pystac
import pystac_client
from pystac_client.stac_api_io import StacApiIO

READERS = 16


def client():
    config = botocore.config.Config(max_pool_connections=READERS, s3={"addressing_style": "path"})
    return boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT"], config=config)


def objects(bucket, prefix):
    """The objects below a prefix that a reader of the catalog sees, by their paths, with their content types."""
    s3 = client()
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix + "/")
    keys = [found["Key"] for page in pages for found in page.get("Contents", [])]
    paths = [key[len(prefix) + 1:] for key in keys]
    paths = [path for path in paths if not any(part.startswith(".") for part in path.split("/"))]

    def read(path):
        answer = s3.get_object(Bucket=bucket, Key=f"{prefix}/{path}")
        return path, (answer["Body"].read(), answer["ContentType"])

    with concurrent.futures.ThreadPoolExecutor(READERS) as pool:
        return dict(pool.map(read, paths))


class Bucket(StacApiIO):
    """Lets pystac read what boto3 has read."""

    def __init__(self, root, found):
        super().__init__()
        self.root, self.found = root, found

    def read_text(self, source, *args, **kwargs):
        href = source.absolute_href if isinstance(source, pystac.Link) else os.fspath(source)
        path = posixpath.relpath(posixpath.normpath(href.removeprefix("s3://")), self.root.removeprefix("s3://"))
        if path not in self.found:
            raise FileNotFoundError(path)
        return self.found[path][0].decode()


def judge(documents, url):
    bucket, prefix = url.removeprefix("s3://").rstrip("/").split("/", 1)
    found = objects(bucket, prefix)
    for path, content in documents.bytes.items():
        is_item = documents.json[path]["type"] == "Feature"
        kind = "application/geo+json" if is_item else "application/json"
        if path not in found:
            yield f"no object: {path}"
        elif found[path][0] != content:
            yield f"other bytes: {path}"
        elif found[path][1] != kind:
            yield f"another content type: {path} {found[path][1]}"
    yield from (f"an object without a document: {path}" for path in found.keys() - documents.bytes.keys())

    root = f"s3://{bucket}/{prefix}"
    seen, missing = {}, set()
    with warnings.catch_warnings():
        # A static catalog does not say that it is an API.
        warnings.simplefilter("ignore")
        catalog = pystac_client.Client.open(f"{root}/catalog.json", stac_io=Bucket(root, found))
        for child in catalog.get_child_links():
            collection = child.resolve_stac_object(catalog).target
            for link in collection.get_item_links():
                path = posixpath.relpath(link.get_absolute_href(), root)
                try:
                    item = link.resolve_stac_object(catalog).target
                    seen[path] = item
                except pystac.errors.STACError:
                    missing.add(path)
    if missing != documents.broken_items():
        yield f"links that lead nowhere: {sorted(missing)[:3]}, expected {sorted(documents.broken_items())[:3]}"
    listed = {
        (pathlib.PurePosixPath(path).parent / link["href"]).as_posix()
        for path, content in documents.json.items()
        for link in content["links"]
        if link["rel"] == "item"
    }
    if seen.keys() != listed - missing:
        yield f"pystac finds {len(seen)} items, expected {len(listed - missing)}"
    for path, item in seen.items():
        said = documents.json[path]
        when = pystac.utils.str_to_datetime(said["properties"]["datetime"])
        if (item.id, item.collection_id, item.bbox, item.datetime) != (said["id"], said["collection"], said["bbox"], when):
            yield f"pystac reads something else: {path}"
