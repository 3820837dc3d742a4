-- Appends up to `wanted` random members of a role to `picked`, never `own`. While silent peers are left in the set
-- (expiry is bounded) it takes a run of live ones from a chosen rank instead: live peers have the highest scores.
local function pickPeers(picked, roleKey, wanted, own, live, silent, chance)
  if wanted <= 0 or live <= 0 then return end
  local members
  if silent == 0 then
    members = redis.call("ZRANDMEMBER", roleKey, wanted + 1)
  else
    local first = silent + chance % math.max(1, live - wanted)
    members = redis.call("ZRANGE", roleKey, first, first + wanted)
  end
  local left = wanted
  for _, member in ipairs(members) do
    if left > 0 and member ~= own then
      picked[#picked + 1] = member
      left = left - 1
    end
  end
end
