-- Whether `max` sessions of this hash (lib/readSession.lua) announced in a role since oldestSeconds. A hash of more than
-- 1,000 records is full unread, so that no announce walks further than that. Raises WRONGTYPE. O(records).
local function isFull(sessionKey, role, max, oldestSeconds)
  if redis.call("HLEN", sessionKey) > 1000 then return true end
  local found = 0
  for _, record in ipairs(redis.call("HVALS", sessionKey)) do
    if #record == 57 and string.byte(record, 33) == role and struct.unpack(">I4", record, 17) >= oldestSeconds then
      found = found + 1
    end
  end
  return found >= max
end
