#!lua flags=no-writes
-- Read a slice of the causes in the order they were kept.
-- KEYS  oq  out
-- ARGV  number after which it begins (0 = from the oldest), most causes (at most 128)
-- returns {number of the last, records...}; {} when there are none
local ids = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. ARGV[1], '+inf', 'LIMIT', 0, ARGV[2])
if #ids == 0 then
  return {}
end
local answer = redis.call('HMGET', KEYS[2], unpack(ids))
table.insert(answer, 1, tonumber(redis.call('ZSCORE', KEYS[1], ids[#ids])))
return answer
