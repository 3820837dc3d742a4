-- Appends a dead letter: what is said about the entry (names and values in turn), then its own fields (the same; may be
-- empty) under names with "field:" before them, as they are to the byte. Raises when the key is no stream.
local function parkEntry(deadLettersKey, about, fields)
  local MOST_VALUES = 1000 -- unpack fails near 8,000; an entry with so many fields is none of ours
  local deadLetter = {}
  for i = 1, #about do
    deadLetter[i] = about[i]
  end
  for i = 1, math.min(#fields, MOST_VALUES), 2 do
    deadLetter[#deadLetter + 1] = "field:" .. fields[i]
    deadLetter[#deadLetter + 1] = fields[i + 1]
  end
  redis.call("XADD", deadLettersKey, "*", unpack(deadLetter))
end
