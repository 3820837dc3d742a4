-- While a swap of the whole list is under way, remembers that somebody decided about these passkeys. At most some
-- thousand, the limit of `unpack`.
local function noteTouched(importingKey, touchedKey, passkeys)
  if redis.call("EXISTS", importingKey) == 1 then redis.call("SADD", touchedKey, unpack(passkeys)) end
end
