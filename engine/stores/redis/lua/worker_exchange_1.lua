#!lua flags=
-- Keep what a living worker says, and read what the living said last.
-- KEYS  wu (workers by the instant their lease ends)  wa (what they say, by worker)
-- ARGV  now ("" = the server's), worker, what it says
-- returns workers and what each said
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local until_ms = redis.call('ZSCORE', KEYS[1], ARGV[2])
if until_ms and tonumber(until_ms) > now then
  redis.call('HSET', KEYS[2], ARGV[2], ARGV[3])
end
local said = {}
local living = redis.call('ZRANGEBYSCORE', KEYS[1], '(' .. string.format('%.0f', now), '+inf')
for place = 1, #living do
  local about = redis.call('HGET', KEYS[2], living[place])
  if about then
    said[#said + 1] = living[place]
    said[#said + 1] = about
  end
end
return said
