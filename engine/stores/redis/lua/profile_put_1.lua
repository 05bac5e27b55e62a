#!lua flags=
-- Write a visitor's profile outside any session.
-- KEYS  u  ux  del
-- ARGV  now ("" = the server's), visitor (tail), attempt, version expected, profile
-- returns {1, version} written; {0, version, profile} another version ({0} none); {2} erased
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local found = redis.call('HMGET', KEYS[1], 'v', 'op', 's')
local version = tonumber(found[1]) or 0
if version > 0 and found[2] == ARGV[3] then
  return {1, version}
end
local erased = redis.call('ZSCORE', KEYS[3], ARGV[2])
if erased and tonumber(erased) > now then
  return {2}
end
if version ~= tonumber(ARGV[4]) then
  if version == 0 then
    return {0}
  end
  return {0, version, found[3]}
end
redis.call('HSET', KEYS[1], 'v', version + 1, 's', ARGV[5], 'at', now, 'op', ARGV[3])
redis.call('ZADD', KEYS[2], now, ARGV[2])
return {1, version + 1}
