-- 0: served, -1: unknown, -2: the site rejected it lately, -3: there is no whitelist at all, which must not look
-- like a refusal: a site may be in the middle of swapping its list. Raises WRONGTYPE.
local function passkeyVerdict(passkeysKey, acceptedKey, rejectedKey, passkey)
  if redis.call("SISMEMBER", passkeysKey, passkey) == 1 then return 0 end
  if redis.call("EXISTS", acceptedKey) == 1 then return 0 end
  if redis.call("EXISTS", passkeysKey) == 0 then return -3 end
  if redis.call("EXISTS", rejectedKey) == 1 then return -2 end
  return -1
end
