#!lua flags=allow-oom
-- Remove decisions of a visitor.
-- KEYS  vq  dx  db
-- ARGV  ids (at most 128)
-- returns 1
redis.call('ZREM', KEYS[2], unpack(ARGV))
redis.call('HDEL', KEYS[3], unpack(ARGV))
redis.call('ZREM', KEYS[1], unpack(ARGV))
return 1
