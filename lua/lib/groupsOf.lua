-- The stream's consumer groups, each a table by the names of XINFO GROUPS; none when there is no stream.
-- Raises WRONGTYPE for a key that is no stream.
local function groupsOf(streamKey)
  local groups = {}
  if redis.call("EXISTS", streamKey) == 0 then return groups end
  for number, list in ipairs(redis.call("XINFO", "GROUPS", streamKey)) do
    groups[number] = {}
    for i = 1, #list, 2 do
      groups[number][list[i]] = list[i + 1]
    end
  end
  return groups
end
