-- The list decides about each of these passkeys whose membership changed since `beforeKey` last saw it, or all of them
-- when `isTouched`: `stagedKey` and `beforeKey` follow. Returns how many it decided about, and by how much the staged
-- set grew. At most some thousand members, the limit of `unpack`.
local function settlePasskeys(keys, members, isTouched)
  if #members == 0 then return 0, 0 end
  local isListed = redis.call("SMISMEMBER", keys.passkeys, unpack(members))
  local wasListed = redis.call("SMISMEMBER", keys.before, unpack(members))
  local listed, unlisted, grown = {}, {}, 0
  for i, member in ipairs(members) do
    if isTouched or isListed[i] ~= wasListed[i] then
      local side = isListed[i] == 1 and listed or unlisted
      side[#side + 1] = member
    end
  end
  if #listed > 0 then
    redis.call("SADD", keys.before, unpack(listed))
    grown = redis.call("SADD", keys.staged, unpack(listed))
  end
  if #unlisted > 0 then
    redis.call("SREM", keys.before, unpack(unlisted))
    grown = grown - redis.call("SREM", keys.staged, unpack(unlisted))
  end
  return #listed + #unlisted, grown
end
