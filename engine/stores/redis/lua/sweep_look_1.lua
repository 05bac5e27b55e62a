#!lua flags=allow-oom
-- Find what is over in a partition, the oldest first, and let tombstones that ended go.
-- KEYS  del, then sorted sets by instant
-- ARGV  now, most members of each set, then the last instant that is over in each set
-- returns the count of tombstones, then an array of members for each set
local answer = {redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[1])}
for place = 2, #KEYS do
  answer[place] = redis.call('ZRANGEBYSCORE', KEYS[place], '-inf', ARGV[place + 1], 'LIMIT', 0, ARGV[2])
end
return answer
