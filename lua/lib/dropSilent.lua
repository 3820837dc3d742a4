-- Removes up to `limit` of the `silent` lowest-ranked members of a role; returns how many went.
local function dropSilent(roleKey, silent, limit)
  if silent == 0 or limit == 0 then return 0 end
  return redis.call("ZREMRANGEBYRANK", roleKey, 0, math.min(silent, limit) - 1)
end
