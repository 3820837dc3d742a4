-- Appends one traffic event, its names and values as trailing arguments, and returns how many entries maxLen (text; "0":
-- no cap) pushed out. Raises when the stream cannot take it; nothing has been written by then.
local function appendTraffic(trafficKey, maxLen, ...)
  if maxLen == "0" then
    redis.call("XADD", trafficKey, "*", ...)
    return 0
  end
  local lengthBefore = redis.call("XLEN", trafficKey)
  redis.call("XADD", trafficKey, "MAXLEN", "~", maxLen, "*", ...)
  return lengthBefore + 1 - redis.call("XLEN", trafficKey)
end
