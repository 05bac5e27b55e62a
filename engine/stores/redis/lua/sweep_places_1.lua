#!lua flags=allow-oom
-- Remove bookings that are over, and note the instant of the oldest that stays.
-- KEYS  bk  bt  bx
-- ARGV  last instant that is over, workspace, most bookings (at most 128)
-- returns how many were removed
local old = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
if #old > 0 then
  redis.call('ZREM', KEYS[1], unpack(old))
  redis.call('ZREM', KEYS[2], unpack(old))
end
local oldest = redis.call('ZRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2]
if oldest then
  redis.call('ZADD', KEYS[3], oldest, ARGV[2])
else
  redis.call('ZREM', KEYS[3], ARGV[2])
end
return #old
