"""What readers see of four stores, read by the products' own clients (testing/independent) and nothing of kfm; and a hand
that is not kfm's, which changes one thing in one of them."""
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))
import cache  # noqa: E402
import catalog  # noqa: E402
import graph  # noqa: E402
import index  # noqa: E402
import opensearchpy.helpers  # noqa: E402
from documents import Documents, alias  # noqa: E402

STORES = ["catalog", "graph", "search", "cache"]


class Readers:
    """They look at the servers themselves, past every proxy."""

    def __init__(self, name, environment):
        self.name, self.environment = name, environment
        self.generations = {}

    @property
    def prefix(self):
        return f"{self.name}/stac"

    def look(self):
        """All that is seen, by store."""
        return {store: getattr(self, store)() for store in STORES}

    def catalog(self):
        return {path: content for path, (content, _) in catalog.objects("kfm", self.prefix).items()}

    def graph(self):
        with graph.driver() as server:
            ask = lambda query: server.execute_query(query, graph=self.name, database_="neo4j").records
            half = [record["path"] for record in ask(graph.HALF)]
            found = ask(graph.CURRENT)
        shown = {}
        for record in found:
            is_item = "StacItem" in record["labels"]
            said = (record["id"], record["collection"], record["datetime"], tuple(sorted(record["relations"])))
            shown[record["path"]] = said if is_item else record["id"]
        return {**shown, **{f"half a node: {path}": True for path in half}}

    def search(self):
        server = index.client()
        shown = {}
        for at, found in server.indices.get_alias(index="*").items():
            for name in found["aliases"]:
                if not name.startswith(f"{self.name}-kfm-"):
                    continue
                documents = shown.setdefault(name.removeprefix(f"{self.name}-"), {})
                for hit in opensearchpy.helpers.scan(server, index=at, size=1000):
                    source = hit["_source"]
                    # Two indexes behind one alias show a document twice.
                    path = source.pop("kfm", {}).get("path", f"not kfm's: {hit['_id']}")
                    documents[path if path not in documents else f"twice: {path}"] = source
        return shown

    def remove_indexes(self):
        index.client().indices.delete(index=f"{self.name}-*", expand_wildcards="all")

    def cache(self):
        """The contents; that a generation never falls is looked at here."""
        server = cache.client()
        shown = {}
        for name in server.zrange(f"{{{self.name}}}:cells", 0, -1):
            generation, content = server.hmget(f"{{{self.name}}}:cell:{name}", "generation", "content")
            shown[name] = json.loads(content) if content is not None else "no content"
            before, generation = self.generations.get(name), int(generation)
            if before and (generation < before[0] or (generation == before[0] and content != before[1])):
                shown[f"the generation did not rise: {name}"] = [before[0], generation]
            self.generations[name] = (generation, content)
        return shown


def expected(folder):
    """What readers are to see when these documents stand, by docs/states.md."""
    documents = Documents(folder)
    nodes = {}
    for path, content in documents.json.items():
        nodes[path] = content["id"]
        if path in documents.items:
            said = (content["id"], content["collection"], content["properties"]["datetime"])
            nodes[path] = (*said, tuple(sorted(graph.relations(content))))
    return {
        "catalog": documents.bytes,
        "graph": nodes,
        "search": {alias(collection): members for collection, members in documents.members.items()},
        "cache": {alias(collection): documents.listing(collection) for collection in documents.members},
    }


def difference(seen, wanted):
    """Where two states of a store differ, in words."""
    return sorted(str(key) for key in seen.keys() | wanted.keys() if seen.get(key) != wanted.get(key))


class Hand:
    """Changes one cell of a store as a tool does that knows the product and is not kfm; and puts it back."""

    def __init__(self, name):
        self.name = name

    def put(self, key, content):
        """Makes a document what it is to be."""
        s3, at = catalog.client(), {"Bucket": "kfm", "Key": f"{self.name}/stac/{key}"}
        s3.put_object(**at, Body=content) if content is not None else s3.delete_object(**at)

    def catalog(self, key):
        s3, at = catalog.client(), {"Bucket": "kfm", "Key": f"{self.name}/stac/{key}"}
        try:
            before = s3.get_object(**at)["Body"].read()
        except s3.exceptions.NoSuchKey:
            before = None
        foreign = b'{"foreign": true}\n'
        self.put(key, foreign)

        def there():
            try:
                return s3.get_object(**at)["Body"].read() == foreign
            except s3.exceptions.NoSuchKey:
                return False

        return there, lambda: self.put(key, before)

    def graph(self, key):
        def ask(query, **values):
            with graph.driver() as server:
                return server.execute_query(query, graph=self.name, key=key, database_="neo4j", **values).records

        node = "(n:KfmNode {kfm_graph: $graph, kfm_id: $key})"
        found = ask(f"MATCH {node} RETURN n.v AS v")
        before = found[0]["v"] if found else None
        foreign = "sha256:" + "f" * 64
        ask(f"MERGE {node} SET n.v = $v, n.generation = coalesce(n.generation, 0) + 1", v=foreign)

        def there():
            found = ask(f"MATCH {node} RETURN n.v AS v")
            return bool(found) and found[0]["v"] == foreign

        def back():
            if found:
                ask(f"MATCH {node} SET n.v = $v, n.generation = n.generation + 1", v=before)
            else:
                ask(f"MATCH {node} DETACH DELETE n")

        return there, back

    def search(self, key):
        server, name, mine = index.client(), f"{self.name}-{key}", f"{self.name}-foreign"
        if not server.indices.exists(index=mine):
            server.index(index=mine, id="1", body={"foreign": True}, refresh=True)
        try:
            before = list(server.indices.get_alias(name=name))
        except opensearchpy.exceptions.NotFoundError:
            before = []
        change = lambda gone, come: server.indices.update_aliases(body={"actions": [
            *({"remove": {"index": at, "alias": name}} for at in gone),
            *({"add": {"index": at, "alias": name}} for at in come)]})
        change(before, [mine])

        def there():
            try:
                return mine in server.indices.get_alias(name=name)
            except opensearchpy.exceptions.NotFoundError:
                return False

        return there, lambda: change([mine], before)

    def cache(self, key):
        server, cell, cells = cache.client(), f"{{{self.name}}}:cell:{key}", f"{{{self.name}}}:cells"
        before = server.hmget(cell, "value", "content")
        server.hset(cell, mapping={"value": "jcs-sha256:" + "f" * 64, "content": "[]"})
        server.hincrby(cell, "generation", 1)
        server.zadd(cells, {key: 0})

        def there():
            return server.hget(cell, "value") == "jcs-sha256:" + "f" * 64

        def back():
            server.hincrby(cell, "generation", 1)
            if before[0] is None:
                server.hdel(cell, "value", "content")
                server.zrem(cells, key)
            else:
                server.hset(cell, mapping={"value": before[0], "content": before[1]})

        return there, back


def moved_keys(store, prior, planned):
    """The cells of a store that an operation between two states moves."""
    return difference(prior[store], planned[store])
