"""Search in OpenSearch: asked by opensearch-py."""
import os

import opensearchpy
import opensearchpy.helpers

from documents import alias


def client():
    return opensearchpy.OpenSearch(os.environ["OPENSEARCH_URL"], timeout=120)


def judge(documents, prefix):
    server = client()
    led = {name for index in server.indices.get_alias(index="*").values() for name in index["aliases"]}
    led = {name for name in led if name.startswith(prefix + "kfm-")}
    expected = {prefix + alias(collection) for collection in documents.members}
    if led != expected:
        yield f"aliases are {sorted(led)}, expected {sorted(expected)}"
    for collection, members in documents.members.items():
        name = prefix + alias(collection)
        if name not in led:
            continue
        found = {}
        for hit in opensearchpy.helpers.scan(server, index=name, size=1000):
            source = hit["_source"]
            found[source.pop("kfm")["path"]] = source
        if found.keys() != members.keys():
            lacks, more = sorted(members.keys() - found.keys()), sorted(found.keys() - members.keys())
            yield f"{name} lacks {len(lacks)} documents and has {len(more)} others: {(lacks + more)[:3]}"
        yield from (f"another document: {path}" for path in found.keys() & members.keys() if found[path] != members[path])
        # A search as a reader makes it: everything before the median of the times.
        times = sorted(item["properties"]["datetime"] for item in members.values() if item["type"] == "Feature")
        middle = times[len(times) // 2]
        body = {"query": {"range": {"properties.datetime": {"lt": middle}}}, "track_total_hits": True, "size": 0}
        hits = server.search(index=name, body=body)["hits"]["total"]["value"]
        if hits != sum(time < middle for time in times):
            yield f"{name} finds {hits} documents before {middle}, expected {sum(time < middle for time in times)}"
