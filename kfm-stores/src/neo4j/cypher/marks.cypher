UNWIND range(0, size($keys) - 1) AS place
OPTIONAL MATCH (n:KfmNode {kfm_graph: $graph, kfm_id: $keys[place]})
RETURN place, n.v, coalesce(n.generation, 0)
ORDER BY place
