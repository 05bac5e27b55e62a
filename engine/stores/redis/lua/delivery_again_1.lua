#!lua flags=
-- Make a delivery pending, whether it was or not.
-- KEYS  rt  rj  rv  del
-- ARGV  now ("" = the server's), visitor (tail), id, member of rv, due, record,
--       work channel, what it is told
-- returns 1 done; 0 the visitor was erased
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local erased = redis.call('ZSCORE', KEYS[4], ARGV[2])
if erased and tonumber(erased) > now then
  return 0
end
redis.call('HSET', KEYS[2], ARGV[3], ARGV[6])
redis.call('ZADD', KEYS[1], ARGV[5], ARGV[3])
redis.call('ZADD', KEYS[3], 0, ARGV[4])
redis.call('SPUBLISH', ARGV[7], ARGV[8])
return 1
