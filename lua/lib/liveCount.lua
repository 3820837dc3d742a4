-- Peers of one role that announced since oldestSeconds, and how many silent ones are still in the set.
-- Raises WRONGTYPE. O(log N).
local function liveCount(roleKey, oldestSeconds)
  local silent = redis.call("ZCOUNT", roleKey, "-inf", string.format("(%d", oldestSeconds))
  return redis.call("ZCARD", roleKey) - silent, silent
end
