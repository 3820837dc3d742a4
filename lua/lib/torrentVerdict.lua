-- 0: served, -4: not on the site's list of torrents, -5: there is no such list, which must not look like a refusal: a site
-- may be in the middle of swapping it. Raises WRONGTYPE.
local function torrentVerdict(torrentsKey, infohash)
  if redis.call("SISMEMBER", torrentsKey, infohash) == 1 then return 0 end
  return redis.call("EXISTS", torrentsKey) == 1 and -4 or -5
end
