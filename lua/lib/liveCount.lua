-- Peers of one role that announced since oldestSeconds, and how many silent ones are still in the set.
-- Raises WRONGTYPE. O(log N).
local function liveCount(roleKey, oldestSeconds)
  local all = redis.call("ZCARD", roleKey)
  if all == 0 then return 0, 0 end
  local silent = redis.call("ZCOUNT", roleKey, "-inf", string.format("(%d", oldestSeconds))
  return all - silent, silent
end
