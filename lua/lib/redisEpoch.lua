-- One life of one Redis: another name after a restart, a failover or a full resynchronisation, when what was read before
-- may be gone and the same IDs may mean other entries.
local function redisEpoch()
  local runId = string.match(redis.call("INFO", "server"), "run_id:(%x+)")
  local replid = string.match(redis.call("INFO", "replication"), "master_replid:(%x+)")
  return runId .. ":" .. replid
end
