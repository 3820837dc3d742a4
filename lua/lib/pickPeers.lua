-- Up to `wanted` live members of a role in one string, never `own` (nil: it is none of them). The set is ordered by last
-- announce, so its `silent` members come first; the live ones are taken as a run that starts at a random rank and goes on at
-- the beginning: one walk through the set costs a third of drawing each member alone. With portAt above 0 only members with
-- a port in the two bytes there count, peers of one address family; the walk goes on until enough are found or 1,000 were
-- looked at.
local function pickPeers(roleKey, wanted, own, live, silent, chance, portAt)
  if wanted <= 0 or live <= 0 then return "" end
  local most = own and wanted + 1 or wanted
  local start = live <= most and 0 or chance % live
  local takesAll = not own and portAt == 0
  local picked, seen = {}, 0
  repeat
    local rank = (start + seen) % live
    local count = math.min(most, live - rank, live - seen)
    local members = redis.call("ZRANGE", roleKey, silent + rank, silent + rank + count - 1)
    for i = takesAll and 0 or #members, 1, -1 do
      local isFit = members[i] ~= own and (portAt == 0 or string.sub(members[i], portAt, portAt + 1) ~= "\0\0")
      if not isFit then table.remove(members, i) end
    end
    if seen == 0 then picked = members else for _, member in ipairs(members) do picked[#picked + 1] = member end end
    seen = seen + count
  until #picked >= wanted or seen == live or seen >= 1000
  return table.concat(picked, "", 1, math.min(wanted, #picked))
end
