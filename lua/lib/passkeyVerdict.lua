-- 0: served, -1: not on the list, -2: not on it, and the site rejected it lately; -3: there is no list, which must not look
-- like a refusal, since a site may be in the middle of swapping it; -7: there is no list, and the site rejected it lately.
-- Without a list only "alone" counts, a rejection from a time when the site kept none either: whoever was rejected
-- before being listed must not be refused because the list is away for a moment. Raises WRONGTYPE.
local function passkeyVerdict(passkeysKey, acceptedKey, rejectedKey, passkey)
  if redis.call("SISMEMBER", passkeysKey, passkey) == 1 then return 0 end
  if redis.call("EXISTS", acceptedKey) == 1 then return 0 end
  local rejected = redis.call("GET", rejectedKey)
  if redis.call("EXISTS", passkeysKey) == 0 then return rejected == "alone" and -7 or -3 end
  return rejected and -2 or -1
end
