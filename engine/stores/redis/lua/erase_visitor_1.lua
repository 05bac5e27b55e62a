#!lua flags=allow-oom
-- Remove what is kept of a visitor beside sessions.
-- KEYS  u  d  v  va  vq  ux
-- ARGV  visitor (tail)
-- returns how many things were there
redis.call('ZREM', KEYS[6], ARGV[1])
return redis.call('UNLINK', KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5])
