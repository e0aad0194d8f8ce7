// What readers see: the versions that the pointer leads to.
UNWIND range(0, size($keys) - 1) AS place
OPTIONAL MATCH (n:KfmNode {kfm_graph: $graph, kfm_id: $keys[place]})
RETURN place, coalesce(n.generation, 0), COLLECT {
  MATCH (n)-[:CURRENT]->(version)
  RETURN [labels(version), properties(version), COLLECT {
    MATCH (version)-[standing]->(to)
    WITH standing, to ORDER BY standing.kfm_n
    RETURN [type(standing), to.kfm_label, to.id, properties(standing)]
  }]
}
ORDER BY place
