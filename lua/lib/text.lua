-- A whole number as decimal text, exact up to 2^53. Redis would write it with %.17g, which costs five times as much.
local function text(number)
  return number == 0 and "0" or string.format("%d", number)
end
