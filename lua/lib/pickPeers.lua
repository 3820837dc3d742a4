-- Up to `wanted` live members of a role in one string, never `own`. The set is ordered by last announce, so its `silent`
-- members come first; the live ones are taken as a run that starts at a random rank and goes on at the beginning: one walk
-- through the set costs a third of drawing each member alone.
local function pickPeers(roleKey, wanted, own, live, silent, chance)
  if wanted <= 0 or live <= 0 then return "" end
  local first, last = silent, silent + live - 1
  local members
  if live <= wanted + 1 then
    members = table.concat(redis.call("ZRANGE", roleKey, first, last))
  else
    local from = first + chance % live
    local wrapped = from + wanted - last
    members = table.concat(redis.call("ZRANGE", roleKey, from, math.min(from + wanted, last)))
    if wrapped > 0 then
      members = members .. table.concat(redis.call("ZRANGE", roleKey, first, first + wrapped - 1))
    end
  end
  local at = string.find(members, own, 1, true)
  while at and at % #own ~= 1 do at = string.find(members, own, at + 1, true) end
  if at then members = string.sub(members, 1, at - 1) .. string.sub(members, at + #own) end
  return string.sub(members, 1, wanted * #own)
end
