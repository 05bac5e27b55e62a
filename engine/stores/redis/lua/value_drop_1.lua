#!lua flags=allow-oom
-- Remove a value that is still as it was read.
-- KEYS  text
-- ARGV  value
-- returns 1 removed; 0 it is another
if redis.call('GET', KEYS[1]) == ARGV[1] then
  return redis.call('UNLINK', KEYS[1])
end
return 0
