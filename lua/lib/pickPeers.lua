-- Up to `wanted` live members of a role in one string, never `own`. The set is ordered by last announce, so its `silent`
-- members come first; the live ones are taken as a run that starts at a random rank and goes on at the beginning: one walk
-- through the set costs a third of drawing each member alone.
local function pickPeers(roleKey, wanted, own, live, silent, chance)
  if wanted <= 0 or live <= 0 then return "" end
  local first, last = silent, silent + live - 1
  local from = live <= wanted + 1 and first or first + chance % live
  local members = redis.call("ZRANGE", roleKey, from, math.min(from + wanted, last))
  if from + wanted > last and from > first then
    for _, member in ipairs(redis.call("ZRANGE", roleKey, first, first + from + wanted - last - 1)) do
      members[#members + 1] = member
    end
  end
  for i = 1, #members do
    if members[i] == own then
      table.remove(members, i)
      break
    end
  end
  return table.concat(members, "", 1, math.min(wanted, #members))
end
