-- Whether the swap with this token is still the one under way; if so, it may take another ttlMs.
local function ownsImport(importingKey, token, ttlMs)
  if redis.call("GET", importingKey) ~= token then return false end
  redis.call("PEXPIRE", importingKey, ttlMs)
  return true
end
