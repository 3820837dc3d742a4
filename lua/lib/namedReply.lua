-- A reply of names and values in turn, as a table by name.
local function namedReply(list)
  local named = {}
  for i = 1, #list, 2 do
    named[list[i]] = list[i + 1]
  end
  return named
end
