-- The counter's value. Raises when HINCRBY could not count on from it, so that the failure comes before the first write.
local function requireCounter(hashKey, field)
  local digits = redis.call("HGET", hashKey, field)
  if not digits then return 0 end
  local isInteger = digits == "0" or string.match(digits, "^-?[1-9]%d*$") ~= nil
  if not isInteger or #digits > 15 then
    error({ err = "ERR " .. hashKey .. " " .. field .. " is not a counter" })
  end
  return tonumber(digits)
end
