#!lua flags=allow-oom
-- Write down that a visitor was erased.
-- KEYS  del
-- ARGV  now ("" = the server's), visitor (tail), ms it is kept
-- returns 1
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
redis.call('ZADD', KEYS[1], now + tonumber(ARGV[3]), ARGV[2])
return 1
