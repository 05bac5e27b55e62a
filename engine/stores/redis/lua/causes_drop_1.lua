#!lua flags=allow-oom
-- Forget causes of which nothing came.
-- KEYS  oq  out
-- ARGV  ids (at most 128)
-- returns 1
redis.call('HDEL', KEYS[2], unpack(ARGV))
redis.call('ZREM', KEYS[1], unpack(ARGV))
return 1
