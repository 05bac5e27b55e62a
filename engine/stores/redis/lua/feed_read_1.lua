#!lua flags=
-- Read a workspace's feed after an offset; the first reader names its epoch.
-- KEYS  feed (bodies)  fe (epoch and offset)
-- ARGV  now ("" = the server's), epoch or "", offset, most events
-- returns {epoch, newest offset, 1 = nothing is lost or 0, offset before the first event, events}
local now = tonumber(ARGV[1])
if not now then
  local t = redis.call('TIME')
  now = t[1] * 1000 + math.floor(t[2] / 1000)
end
local about = redis.call('HMGET', KEYS[2], 'e', 'o')
local epoch = about[1]
if not epoch then
  epoch = string.format('%.0f', now)
  redis.call('HSET', KEYS[2], 'e', epoch)
end
local offset = tonumber(about[2]) or 0
local before = offset - redis.call('LLEN', KEYS[1])
local after = tonumber(ARGV[3])
local whole = ARGV[2] == '' or (ARGV[2] == epoch and before <= after and after <= offset)
local first = before
if whole and after > before then
  first = after
end
local from = first - before
local events = {}
if tonumber(ARGV[4]) > 0 then
  events = redis.call('LRANGE', KEYS[1], from, from + tonumber(ARGV[4]) - 1)
end
return {epoch, offset, whole and 1 or 0, first, events}
