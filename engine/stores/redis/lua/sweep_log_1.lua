#!lua flags=allow-oom
-- Remove settled rows of a delivery log that are over, and note the instant of the oldest that stays.
-- KEYS  dl  ds  dh  dv  lx
-- ARGV  last instant that is over, endpoint (tail), endpoint's characters, most rows (at most 128)
-- returns how many were removed
local ids = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[4])
for place = 1, #ids do
  local visitor = string.sub(redis.call('HGET', KEYS[3], ids[place]) or '', 1, 22)
  redis.call('ZREM', KEYS[4], visitor .. ARGV[3] .. ids[place])
  redis.call('ZREM', KEYS[1], ids[place])
  redis.call('ZREM', KEYS[2], ids[place])
  redis.call('HDEL', KEYS[3], ids[place])
end
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
if oldest then
  redis.call('ZADD', KEYS[5], oldest, ARGV[2])
else
  redis.call('ZREM', KEYS[5], ARGV[2])
end
return #ids
