-- Appends one traffic event (contract/trafficEvent.ts): `fields`, then the pairs of `extraFields` whose bit is set in
-- `extras`. Returns how many entries maxLen (0: no cap) pushed out. Raises when the stream cannot take it; nothing has
-- been written by then.
local function appendTraffic(trafficKey, fields, extraFields, extras, maxLen)
  for i = 1, #extraFields / 2 do
    if bit.band(extras, bit.lshift(1, i - 1)) ~= 0 then
      fields[#fields + 1] = extraFields[2 * i - 1]
      fields[#fields + 1] = extraFields[2 * i]
    end
  end
  if maxLen == 0 then
    redis.call("XADD", trafficKey, "*", unpack(fields))
    return 0
  end
  local lengthBefore = redis.call("XLEN", trafficKey)
  redis.call("XADD", trafficKey, "MAXLEN", "~", maxLen, "*", unpack(fields))
  return lengthBefore + 1 - redis.call("XLEN", trafficKey)
end
