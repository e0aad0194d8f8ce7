// Raises the fence, and returns what it was.
MERGE (f:KfmFence {kfm_graph: $graph})
  ON CREATE SET f.token = 0
SET f.kfm_lock = true
WITH f, f.token AS fence
REMOVE f.kfm_lock
SET f.token = CASE WHEN fence < $token THEN $token ELSE fence END
RETURN fence
