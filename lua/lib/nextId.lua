-- The lowest ID above this one, both as text. Sequence numbers are far below 2^53.
local function nextId(id)
  local ms, seq = string.match(id, "^(%d+)-(%d+)$")
  return string.format("%s-%.0f", ms, tonumber(seq) + 1)
end
