-- Gives up to `limit` members of a role that seem to have announced later than now, since the clock was set back, the time
-- of now: they expire as if they had announced now. Returns how many there were.
local function pullFromFuture(roleKey, nowSeconds, limit)
  local members = redis.call("ZRANGEBYSCORE", roleKey, string.format("(%d", nowSeconds), "+inf", "LIMIT", 0, limit)
  for _, member in ipairs(members) do redis.call("ZADD", roleKey, nowSeconds, member) end
  return #members
end
