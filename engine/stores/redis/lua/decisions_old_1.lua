#!lua flags=allow-oom
-- Read decisions that are over; when there are none, note the instant of the oldest.
-- KEYS  dx  db  da
-- ARGV  last instant that is over, workspace, most decisions (at most 128)
-- returns {ids, records}
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
if #ids > 0 then
  return {ids, redis.call('HMGET', KEYS[2], unpack(ids))}
end
local oldest = redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2]
if oldest then
  redis.call('ZADD', KEYS[3], oldest, ARGV[2])
else
  redis.call('ZREM', KEYS[3], ARGV[2])
end
return {{}, {}}
