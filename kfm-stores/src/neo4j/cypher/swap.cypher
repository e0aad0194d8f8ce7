// Compares and sets a batch of cells in one transaction.
// The lock on the fence is taken before anything is read: writers come one after the other, and a stale one last.
MERGE (f:KfmFence {kfm_graph: $graph})
  ON CREATE SET f.token = 0
SET f.kfm_lock = true
WITH f, f.token AS fence
REMOVE f.kfm_lock
WITH fence
CALL (fence) {
  WITH fence WHERE fence <= $token
  UNWIND $rows AS row
  // Another hand's change of the node ends before the node is compared.
  OPTIONAL MATCH (n:KfmNode {kfm_graph: $graph, kfm_id: row.key})
  SET n.kfm_lock = true
  WITH row, n, n.v AS v, coalesce(n.generation, 0) AS generation
  REMOVE n.kfm_lock
  WITH row, v, generation, CASE
    WHEN coalesce(v, '') = coalesce(row.to, '') AND NOT row.again THEN 'already'
    WHEN row.generation = generation THEN 'applied'
    WHEN row.generation IS NULL AND coalesce(v, '') = coalesce(row.from, '') THEN 'applied'
    ELSE 'conflict' END AS outcome
  CALL (row, generation, outcome) {
    WITH row, generation, outcome WHERE outcome = 'applied'
    MERGE (n:KfmNode {kfm_graph: $graph, kfm_id: row.key})
    SET n.generation = generation + 1, n.v = row.to, n.deleted = row.to IS NULL,
      n.deleted_at = CASE WHEN row.to IS NULL THEN datetime($now) END,
      n.deleted_by = CASE WHEN row.to IS NULL THEN $operation END
    WITH row, n
    CALL (n) {
      MATCH (n)-[pointer:CURRENT]->(before)
      SET before.v_to = datetime($now)
      DELETE pointer
    }
    WITH row, n WHERE row.to IS NOT NULL
    MERGE (version:KfmVersion {kfm_graph: $graph, kfm_of: row.key, v: row.to})
    // What another hand made of an old version is mended before it is current again.
    WITH row, n, version, coalesce(version.v_from, datetime($now)) AS v_from, coalesce(version.v_tag, $operation) AS v_tag
    SET version = row.properties
    SET version.kfm_graph = $graph, version.kfm_of = row.key, version.v = row.to,
      version.v_from = v_from, version.v_tag = v_tag
    REMOVE version:$([label IN labels(version) WHERE label <> 'KfmVersion' AND NOT label IN row.labels])
    SET version:$(row.labels)
    MERGE (n)-[:VERSION]->(version)
    CREATE (n)-[:CURRENT]->(version)
    WITH row, version
    CALL (row, version) {
      WITH row, version, COLLECT {
        MATCH (version)-[standing]->(to)
        WITH standing, to ORDER BY standing.kfm_n
        RETURN [type(standing), to.kfm_label, to.id, properties(standing)]
      } AS standing
      WHERE standing <> row.relationships
      CALL (version) {
        MATCH (version)-[standing]->()
        DELETE standing
      }
      UNWIND row.relationships AS relationship
      MERGE (to:KfmBare {kfm_graph: $graph, kfm_label: relationship[1], id: relationship[2]})
        ON CREATE SET to:$(relationship[1])
      CREATE (version)-[made:$(relationship[0])]->(to)
      SET made = relationship[3]
    }
  }
  RETURN collect([row.key, outcome, v, generation]) AS outcomes
}
RETURN fence, outcomes
