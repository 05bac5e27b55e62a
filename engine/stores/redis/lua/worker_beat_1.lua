#!lua flags=
-- Say that a worker lives, and read which workers look after partitions.
-- KEYS  wu (workers by the instant their lease ends)  wo (those that look after partitions, likewise)
--       wg (gone ones by instant)  wa (what they say, by worker)
-- ARGV  now ("" = the server's), worker, lease in ms, '1' when it looks after partitions, most gone ones remembered
-- returns those that look after partitions
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local until_ms = now + tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], until_ms, ARGV[2])
if ARGV[4] == '1' then
  redis.call('ZADD', KEYS[2], until_ms, ARGV[2])
else
  redis.call('ZREM', KEYS[2], ARGV[2])
end
redis.call('ZREM', KEYS[3], ARGV[2])
local ended = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 128)
for place = 1, #ended do
  redis.call('ZREM', KEYS[1], ended[place])
  redis.call('ZREM', KEYS[2], ended[place])
  redis.call('ZADD', KEYS[3], now, ended[place])
  redis.call('HDEL', KEYS[4], ended[place])
end
redis.call('ZREMRANGEBYRANK', KEYS[3], 0, -1 - tonumber(ARGV[5]))
return redis.call('ZRANGEBYSCORE', KEYS[2], '(' .. string.format('%.0f', now), '+inf')
