// Versions that readers take for current, since their time has no end, and that no pointer leads to.
MATCH (version:KfmVersion)
WHERE version.kfm_graph = $graph AND version.v_to IS NULL AND NOT EXISTS {
  MATCH (:KfmNode {kfm_graph: $graph})-[:CURRENT]->(version)
}
RETURN coalesce(version.kfm_of, elementId(version)), version.v
LIMIT 1000
