-- The record of one session as a table, or nil: none yet, silent since before oldestSeconds, or a layout this release
-- does not know. Raises WRONGTYPE. The layout, 57 bytes, so that the hash stays a listpack (limit 64):
--   uploaded 8, downloaded 8, lastSeconds 4, sinceSeconds 4, ipv4Seconds 4, ipv6Seconds 4 (when each family was last announced),
--   role 1 (0 gone, 1 leecher, 2 seeder), endpoints 24 (bytes 20 to 43 of the packed peer)
local function readSession(sessionKey, peerId, oldestSeconds)
  local record = redis.call("HGET", sessionKey, peerId)
  if not record or #record ~= 57 then return nil end
  local uploaded, downloaded, lastSeconds, sinceSeconds, ipv4Seconds, ipv6Seconds, role, endpoints =
    struct.unpack(">I8I8I4I4I4I4Bc24", record)
  if lastSeconds < oldestSeconds then return nil end
  return { uploaded = uploaded, downloaded = downloaded, lastSeconds = lastSeconds, sinceSeconds = sinceSeconds,
    ipv4Seconds = ipv4Seconds, ipv6Seconds = ipv6Seconds, role = role, endpoints = endpoints }
end
