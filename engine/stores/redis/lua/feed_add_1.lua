#!lua flags=
-- Append to a workspace's feed.
-- KEYS  feed (bodies)  fe (epoch and offset)  fi (event ids by offset)
-- ARGV  now ("" = the server's), event id, body, most events, feed channel, what it is told before the offset
-- returns the event's offset
local known = redis.call('ZSCORE', KEYS[3], ARGV[2])
if known then
  return tonumber(known)
end
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
redis.call('HSETNX', KEYS[2], 'e', string.format('%.0f', now))
local offset = redis.call('HINCRBY', KEYS[2], 'o', 1)
redis.call('RPUSH', KEYS[1], ARGV[3])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[4]), -1)
redis.call('ZADD', KEYS[3], offset, ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', offset - tonumber(ARGV[4]))
redis.call('SPUBLISH', ARGV[5], ARGV[6] .. offset)
return offset
