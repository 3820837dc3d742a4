-- A whole number as decimal text, exact up to 2^53. Redis would write it with %.17g, which costs five times as much.
local function text(number)
  return string.format("%d", number)
end
