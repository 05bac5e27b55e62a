#!lua flags=allow-oom
-- Say that a worker ends.
-- KEYS  wu (workers by the instant their lease ends)  wo (those that look after partitions, likewise)
--       wg (gone ones by instant)  wa (what they say, by worker)
-- ARGV  now ("" = the server's), worker
-- returns 1
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
redis.call('ZREM', KEYS[1], ARGV[2])
redis.call('ZREM', KEYS[2], ARGV[2])
redis.call('ZADD', KEYS[3], now, ARGV[2])
redis.call('HDEL', KEYS[4], ARGV[2])
return 1
