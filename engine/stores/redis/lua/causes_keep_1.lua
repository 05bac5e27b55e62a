#!lua flags=
-- Keep causes that belong to no commit, those of erased visitors excepted.
-- KEYS  oq  out  on  del
-- ARGV  now ("" = the server's), most causes kept, work channel, what it is told,
--       then of each cause: id, visitor (tail), record
-- returns 1 kept; 0 too many causes wait, none is kept
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
for place = 5, #ARGV, 3 do
  local erased = redis.call('ZSCORE', KEYS[4], ARGV[place + 1])
  if not (erased and tonumber(erased) > now) then
    if redis.call('HSETNX', KEYS[2], ARGV[place], ARGV[place + 2]) == 1 then
      redis.call('ZADD', KEYS[1], redis.call('INCR', KEYS[3]), ARGV[place])
    end
  end
end
redis.call('SPUBLISH', ARGV[3], ARGV[4])
return 1
