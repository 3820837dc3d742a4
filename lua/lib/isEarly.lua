-- Whether a session that is in the swarm announced every family of this announce less than earlySeconds ago. A family
-- that is new to it, or a client that comes back after `stopped`, is never early. No zeros: the family is announced.
local function isEarly(before, ipv4, ipv6, nowSeconds, earlySeconds)
  if not before or before.role == 0 then return false end
  local sinceSeconds = nowSeconds - earlySeconds
  if ipv4 ~= string.rep("\0", 6) and before.ipv4Seconds <= sinceSeconds then return false end
  return ipv6 == string.rep("\0", 18) or before.ipv6Seconds > sinceSeconds
end
