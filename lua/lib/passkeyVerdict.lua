-- 0: served, -1: not on the list, -2: not on it, and the site rejected it lately; -3: there is no list, which must not look
-- like a refusal, since a site may be in the middle of swapping it, or Redis have lost it. Without hasWhitelist the set is
-- not looked for: what the site said is all there is. Raises WRONGTYPE.
local function passkeyVerdict(passkeysKey, acceptedKey, rejectedKey, passkey, hasWhitelist)
  if hasWhitelist and redis.call("SISMEMBER", passkeysKey, passkey) == 1 then return 0 end
  if redis.call("EXISTS", acceptedKey) == 1 then return 0 end
  if hasWhitelist and redis.call("EXISTS", passkeysKey) == 0 then return -3 end
  return redis.call("EXISTS", rejectedKey) == 1 and -2 or -1
end
