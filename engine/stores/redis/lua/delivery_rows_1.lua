#!lua flags=no-writes
-- Read a slice of an endpoint's log, newest first.
-- KEYS  dl  dh
-- ARGV  id below which it begins ("" = from the newest), most rows (at most 128)
-- returns records, each behind 22 characters of its visitor; {} when the id is not in the log
local first = 0
if ARGV[1] ~= '' then
  local rank = redis.call('ZREVRANK', KEYS[1], ARGV[1])
  if not rank then
    return {}
  end
  first = rank + 1
end
local ids = redis.call('ZREVRANGE', KEYS[1], first, first + tonumber(ARGV[2]) - 1)
if #ids == 0 then
  return {}
end
return redis.call('HMGET', KEYS[2], unpack(ids))
