-- Whether the set holds this member and it announced since oldestSeconds. Raises WRONGTYPE.
local function isLive(roleKey, member, oldestSeconds)
  local score = redis.call("ZSCORE", roleKey, member)
  return score ~= false and tonumber(score) >= oldestSeconds
end
