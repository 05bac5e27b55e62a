#!lua flags=
-- What a deployment is once: made by the first who asks, read by all others.
-- KEYS 1 meta
-- ARGV 1 layout of keys, 2 partitions
-- returns {layout, partitions, created in Unix ms} as they are
local kept = redis.call('HMGET', KEYS[1], 'layout', 'partitions', 'created')
if kept[1] then
  return kept
end
local time = redis.call('TIME')
local created = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000))
redis.call('HSET', KEYS[1], 'layout', ARGV[1], 'partitions', ARGV[2], 'created', created)
return {ARGV[1], ARGV[2], created}
