-- Whether `max` sessions of this hash (lib/readSession.lua) announced in a role since oldestSeconds. A hash of more than
-- 1,000 records is full unread, so that no announce walks further than that. Raises WRONGTYPE. O(records).
local function isFull(sessionKey, wantedRole, max, oldestSeconds)
  if redis.call("HLEN", sessionKey) > 1000 then return true end
  local found = 0
  for _, record in ipairs(redis.call("HVALS", sessionKey)) do
    if #record == 57 then
      local lastSeconds, _, _, _, role = struct.unpack(">I4I4I4I4B", record, 17)
      if role == wantedRole and lastSeconds >= oldestSeconds then found = found + 1 end
    end
  end
  return found >= max
end
