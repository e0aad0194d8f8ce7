"""The graph in Neo4j: asked by the official driver."""
import os

import neo4j

CURRENT = """
MATCH (n:KfmNode {kfm_graph: $graph})-[:CURRENT]->(v)
RETURN n.kfm_id AS path, labels(v) AS labels, v.id AS id, v.collection AS collection, v.datetime AS datetime,
  COLLECT { MATCH (v)-[r]->(to) RETURN type(r) + ' ' + to.id } AS relations
"""
RETIRED = "MATCH (n:KfmNode {kfm_graph: $graph, deleted: true}) RETURN n.kfm_id AS path"
HALF = """
MATCH (n:KfmNode {kfm_graph: $graph})
WHERE (n.deleted AND EXISTS { (n)-[:CURRENT]->() }) OR (NOT coalesce(n.deleted, false) AND COUNT { (n)-[:CURRENT]->() } <> 1)
RETURN n.kfm_id AS path
"""


def driver():
    login = (os.environ["NEO4J_USERNAME"], os.environ["NEO4J_PASSWORD"])
    return neo4j.GraphDatabase.driver(os.environ["NEO4J_BOLT_URL"], auth=login)


def relations(item):
    """What an item is related to: its collection, and each of its assets."""
    assets = {f"HAS_ASSET {asset['href']}" for asset in item.get("assets", {}).values()}
    return assets | {f"IN_COLLECTION {item['collection']}"}


def judge(documents, graph, retired):
    with driver() as server:
        ask = lambda query: server.execute_query(query, graph=graph, database_="neo4j").records
        found = {record["path"]: record for record in ask(CURRENT)}
        gone = {record["path"] for record in ask(RETIRED)}
        half = [record["path"] for record in ask(HALF)]
    yield from (f"a node with none or two versions in force: {path}" for path in half)
    yield from (f"no node: {path}" for path in documents.json.keys() - found.keys())
    yield from (f"a node without a document: {path}" for path in found.keys() - documents.json.keys())
    if gone != retired:
        yield f"retired are {sorted(gone)[:3]}, expected {sorted(retired)[:3]}"
    for path, item in documents.items.items():
        record = found.get(path)
        if record is None:
            continue
        if "StacItem" not in record["labels"]:
            yield f"not an item: {path}"
        said = (item["id"], item["collection"], item["properties"]["datetime"])
        if (record["id"], record["collection"], record["datetime"]) != said:
            yield f"other properties: {path} {dict(record)}"
        if set(record["relations"]) != relations(item):
            yield f"other relationships: {path} {sorted(set(record['relations']) ^ relations(item))[:2]}"
