#!lua flags=allow-oom
-- Write a row of an endpoint's log, and let the oldest settled rows over the limit leave.
-- KEYS  dl (rows by instant)  ds (settled ones)  dh (records)  dv (rows by visitor)  lx (logs by age)  del
-- ARGV  now ("" = the server's), visitor (tail), id, created, "1" = settled or "0" = pending,
--       "new" = only a new row or "any", visitor's and endpoint's characters (22 each), most settled
--       rows, endpoint (tail), record
-- returns 1 written; 0 not: the row is there already, or the visitor was erased
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local erased = redis.call('ZSCORE', KEYS[6], ARGV[2])
if erased and tonumber(erased) > now then
  return 0
end
if ARGV[6] == 'new' and redis.call('ZSCORE', KEYS[1], ARGV[3]) then
  return 0
end
redis.call('ZADD', KEYS[1], ARGV[4], ARGV[3])
if ARGV[5] == '1' then
  redis.call('ZADD', KEYS[2], ARGV[4], ARGV[3])
  redis.call('ZADD', KEYS[5], 'LT', ARGV[4], ARGV[10])
else
  redis.call('ZREM', KEYS[2], ARGV[3])
end
redis.call('HSET', KEYS[3], ARGV[3], ARGV[7] .. ARGV[11])
redis.call('ZADD', KEYS[4], 0, ARGV[7] .. ARGV[8] .. ARGV[3])
for _ = 1, 128 do
  if redis.call('ZCARD', KEYS[2]) <= tonumber(ARGV[9]) then
    break
  end
  local oldest = redis.call('ZRANGE', KEYS[2], 0, 0)[1]
  local visitor = string.sub(redis.call('HGET', KEYS[3], oldest) or '', 1, 22)
  redis.call('ZREM', KEYS[4], visitor .. ARGV[8] .. oldest)
  redis.call('ZREM', KEYS[1], oldest)
  redis.call('ZREM', KEYS[2], oldest)
  redis.call('HDEL', KEYS[3], oldest)
end
return 1
