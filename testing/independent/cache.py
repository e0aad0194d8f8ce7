"""The cache in Redis: asked by redis-py."""
import json
import os

import redis

from documents import alias


def client():
    return redis.Redis.from_url(os.environ["REDIS_URL"], password=os.environ["REDIS_PASSWORD"], decode_responses=True)


def judge(documents, prefix, seen):
    """`seen` has the generations of the last look, and gets those of this one: each has to be above it."""
    server = client()
    names = set(server.zrange(f"{{{prefix}}}:cells", 0, -1))
    expected = {alias(collection) for collection in documents.members}
    if names != expected:
        yield f"namespaces are {sorted(names)}, expected {sorted(expected)}"
    for collection in documents.members:
        name = alias(collection)
        generation, content = server.hmget(f"{{{prefix}}}:cell:{name}", "generation", "content")
        if content is None:
            yield f"no content: {name}"
            continue
        if json.loads(content) != documents.listing(collection):
            yield f"another content: {name}"
        if int(generation) <= seen.get(name, 0):
            yield f"the generation did not rise: {name} {seen.get(name)} {generation}"
        seen[name] = int(generation)
