#!lua flags=allow-oom
-- Remove a row of a delivery log.
-- KEYS  dl  ds  dh  dv
-- ARGV  id, member of dv
-- returns 1
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZREM', KEYS[2], ARGV[1])
redis.call('HDEL', KEYS[3], ARGV[1])
redis.call('ZREM', KEYS[4], ARGV[2])
return 1
