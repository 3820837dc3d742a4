-- Whether one ID of a stream is older than another; both as text, <ms>-<seq>.
local function isIdBelow(one, other)
  local oneMs, oneSeq = string.match(one, "^(%d+)-(%d+)$")
  local otherMs, otherSeq = string.match(other, "^(%d+)-(%d+)$")
  if oneMs ~= otherMs then return tonumber(oneMs) < tonumber(otherMs) end
  return tonumber(oneSeq) < tonumber(otherSeq)
end
