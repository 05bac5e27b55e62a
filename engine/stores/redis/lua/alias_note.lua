#!lua flags=
-- Note an alias with its visitor before it is written, so that an erasure finds it.
-- KEYS 1 del, 2 va.  ARGV 1 now or '' for the server's time, 2 visitor in `del`, 3 alias, 4 ms that the
--      note is kept.
-- Returns 1, or 0 for a visitor who was erased.
local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end
local tombstone = redis.call('ZSCORE', KEYS[1], ARGV[2])
if tombstone and tonumber(tombstone) > now then
  return 0
end
redis.call('SADD', KEYS[2], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[4])
return 1
