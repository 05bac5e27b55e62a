#!lua flags=
-- Write or remove a workspace document, and keep the causes of it.
-- KEYS  doc  dn (its kind's names)  ch (changes by kind)  oq  out  on  del
-- ARGV  now ("" = the server's), attempt, version expected, 1 = write or 0 = remove, body, name, kind,
--       most causes kept, work channel, what it is told, then of each cause: id, visitor (tail),
--       record
-- returns {1, version} written; {0, version, body} another version ({0} none); {2} too many causes wait
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local found = redis.call('HMGET', KEYS[1], 'v', 'b', 'op')
local last = tonumber(found[1]) or 0
if last > 0 and found[3] == ARGV[2] then
  return {1, last}
end
if #ARGV > 10 and redis.call('ZCARD', KEYS[4]) >= tonumber(ARGV[8]) then
  return {2}
end
local there = 0
if found[2] then
  there = last
end
if there ~= tonumber(ARGV[3]) then
  if there == 0 then
    return {0}
  end
  return {0, there, found[2]}
end
redis.call('HSET', KEYS[1], 'v', last + 1, 'op', ARGV[2])
if ARGV[4] == '1' then
  redis.call('HSET', KEYS[1], 'b', ARGV[5])
  redis.call('ZADD', KEYS[2], 0, ARGV[6])
else
  redis.call('HDEL', KEYS[1], 'b')
  redis.call('ZREM', KEYS[2], ARGV[6])
end
redis.call('HINCRBY', KEYS[3], ARGV[7], 1)
for place = 11, #ARGV, 3 do
  local erased = redis.call('ZSCORE', KEYS[7], ARGV[place + 1])
  if not (erased and tonumber(erased) > now) then
    if redis.call('HSETNX', KEYS[5], ARGV[place], ARGV[place + 2]) == 1 then
      redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[6]), ARGV[place])
    end
  end
end
if #ARGV > 10 then
  redis.call('SPUBLISH', ARGV[9], ARGV[10])
end
return {1, last + 1}
