// Ordered as the constraint's index is: nothing is sorted, however many there are.
MATCH (n:KfmNode)
WHERE n.kfm_graph = $graph AND n.kfm_id > $after AND n.v IS NOT NULL
RETURN n.kfm_id, n.v, coalesce(n.generation, 0)
ORDER BY n.kfm_graph, n.kfm_id
LIMIT $limit
