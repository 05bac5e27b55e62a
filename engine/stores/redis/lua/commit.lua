#!lua flags=
-- One step of a session, wholly or not at all (STORES.md 5.1): every check stands before the first write.
-- KEYS  1 s, 2 u, 3 j, 4 n, 5 tm, 6 tc, 7 en, 8 jx, 9 del; then only those that the lists below need, in this order:
--       d (seen), m (messages), vq dx db da (decisions), oq out on (causes), one ct a day (counts),
--       ux (a profile), v ix (version 1).
-- ARGV  1 now or '' for the server's time, 2 op, 3 expected version, 4 expected profile version or '',
--       5 state, 6 '1' with a profile, 7 profile, 8 wake or '', 9 '1' when a wake-up fired, 10 engagement epoch,
--       11 spend, 12 cap, 13 give back, 14 '1' when closed, 15 new message epoch or '', 16 entry, 17 place,
--       18 visitor in `del` and `ux`, 19 member of `ix`, 20 workspace, 21 work channel, 22 prefix of hint channels,
--       23 what is told on the work channel when causes are kept, 24 causes that may wait,
--       25 to 30 how many: seen, messages, names, decisions, causes, days;
--       then event ids (after them their lifetime in ms and how many are kept), messages (before them how many
--       are kept), names, decisions (id, instant, record), causes (id, record), days (lifetime in ms, how many,
--       then name and number of each).
-- Returns a flat array by its first element: 1 done and 2 repeated {version, profile version, first offset,
--       offset, 1 when this op names another sequence of messages}, 3 erased, 4 conflict and 7 capped {HMGET of
--       s, HMGET of u}, 5 seen {ids}, 6 gone, 8 the engagement epoch fell, 9 too many causes wait.
local now
if ARGV[1] == '' then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
else
  now = tonumber(ARGV[1])
end

local S = redis.call(
  'HMGET', KEYS[1], 'v', 'op', 'pv', 'fo', 'mo', 'e', 'en', 'pm', 'gr', 'cl', 'du', 'at', 'cn', 'ln')
local version = tonumber(S[1] or '0')
if S[2] == ARGV[2] then
  return {2, S[1], S[3], S[4], S[5], ARGV[15] == '' and S[6] == ARGV[2] and 1 or 0}
end

local tombstone = redis.call('ZSCORE', KEYS[9], ARGV[18])
if tombstone and tonumber(tombstone) > now then
  return {3}
end

local function loaded(code)
  local s = redis.call('HMGET', KEYS[1], 'v', 'st', 'en', 'pm', 'gr', 'e', 'mo', 'cl')
  local u = redis.call('HMGET', KEYS[2], 'v', 's')
  return {code, s[1], s[2], s[3], s[4], s[5], s[6], s[7], s[8], u[1], u[2]}
end

if version ~= tonumber(ARGV[3]) then
  return loaded(4)
end
if ARGV[4] ~= '' and tonumber(redis.call('HGET', KEYS[2], 'v') or '0') ~= tonumber(ARGV[4]) then
  return loaded(4)
end

-- The lists of ARGV are read twice, to check and to write, each by its own place.
local seen_len, message_len, name_len = tonumber(ARGV[25]), tonumber(ARGV[26]), tonumber(ARGV[27])
local decision_len, cause_len, day_len = tonumber(ARGV[28]), tonumber(ARGV[29]), tonumber(ARGV[30])
local arg, key = 31, 10

local seen_at, seen_key = arg, KEYS[key]
if seen_len > 0 then
  local after = now - tonumber(ARGV[seen_at + seen_len])
  local known = {5}
  for from = seen_at, seen_at + seen_len - 1, 128 do
    local to = math.min(from + 127, seen_at + seen_len - 1)
    local scores = redis.call('ZMSCORE', seen_key, unpack(ARGV, from, to))
    for place, score in ipairs(scores) do
      if score and tonumber(score) > after then
        known[#known + 1] = ARGV[from + place - 1]
      end
    end
  end
  if #known > 1 then
    return known
  end
  arg, key = arg + seen_len + 2, key + 1
end

local wake, was_due = ARGV[8], S[11] or ''
if ARGV[9] == '1' and was_due == '' then
  return {6}
end

local engagement, before = tonumber(ARGV[10]), tonumber(S[7] or '0')
if engagement < before then
  return {8}
end
local granted = 0
if engagement == before then
  granted = math.max(0, tonumber(S[8] or '0') - tonumber(ARGV[13]))
end
local spend = tonumber(ARGV[11])
if spend > 0 and granted + spend > tonumber(ARGV[12]) then
  return loaded(7)
end

local message_at, message_key = arg, KEYS[key]
if message_len > 0 then
  arg, key = arg + message_len + 1, key + 1
end
local name_at = arg
arg = arg + name_len
local decision_at, decision_key = arg, key
if decision_len > 0 then
  arg, key = arg + 3 * decision_len, key + 4
end
local cause_at, cause_key = arg, key
if cause_len > 0 then
  if redis.call('ZCARD', KEYS[cause_key]) >= tonumber(ARGV[24]) then
    return {9}
  end
  arg, key = arg + 2 * cause_len, key + 3
end
local day_at, day_key = arg, key
key = key + day_len

-- Everything is checked; what follows cannot fail.
now = math.max(now, tonumber(S[12] or '0'))
local made = version + 1
local offset = tonumber(S[5] or '0')
local first, last = 0, offset + message_len
local profile_version = 0
if ARGV[4] ~= '' then
  profile_version = tonumber(ARGV[4])
end
if ARGV[6] == '1' then
  profile_version = profile_version + 1
  redis.call('HSET', KEYS[2], 'v', profile_version, 's', ARGV[7], 'at', now)
  redis.call('ZADD', KEYS[key], now, ARGV[18])
  key = key + 1
end

-- A server of another lineage than the one that named the sequence may lack its newest messages, and would give
-- their offsets again.
local epoch, lineage = S[6] or '', S[14] or ''
if version == 0 or message_len > 0 or ARGV[15] ~= '' then
  lineage = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x%x%x%x%x%x%x%x)') or ''
end
if ARGV[15] ~= '' then
  epoch = ARGV[15]
elseif epoch == '' then
  epoch = string.format('%.0f', now)
elseif lineage ~= (S[14] or '') then
  epoch = ARGV[2]
end
if message_len > 0 then
  first = offset + 1
  for i = 1, message_len do
    redis.call('RPUSH', message_key, struct.pack('>I8', offset + i) .. ARGV[message_at + i])
  end
  if last > tonumber(ARGV[message_at]) then
    redis.call('LTRIM', message_key, -tonumber(ARGV[message_at]), -1)
  end
end

if seen_len > 0 then
  local kept_ms, kept_len = tonumber(ARGV[seen_at + seen_len]), tonumber(ARGV[seen_at + seen_len + 1])
  for i = seen_at, seen_at + seen_len - 1 do
    redis.call('ZADD', seen_key, now, ARGV[i])
  end
  redis.call('ZREMRANGEBYSCORE', seen_key, '-inf', now - kept_ms)
  redis.call('ZREMRANGEBYRANK', seen_key, 0, -kept_len - 1)
  redis.call('PEXPIRE', seen_key, kept_ms)
end

local closed = ''
if ARGV[14] == '1' then
  closed = now
end
redis.call(
  'HSET', KEYS[1], 'v', made, 'op', ARGV[2], 'st', ARGV[5], 'pv', profile_version, 'fo', first, 'mo', last, 'e', epoch,
  'ln', lineage, 'en', engagement, 'pm', granted + spend, 'gr', tonumber(S[9] or '0') + spend, 'cl', closed,
  'du', wake, 'at', now)
if redis.call('RPUSH', KEYS[3], struct.pack('>I4I8', made, now) .. ARGV[16]) == 1 then
  redis.call('ZADD', KEYS[8], now, ARGV[17])
end
if version == 0 then
  redis.call('PERSIST', KEYS[1])
  -- A journal that the archive has would take this session's entries with it.
  redis.call('PERSIST', KEYS[3])
  redis.call('HSET', KEYS[4], '', ARGV[17])
  redis.call('ZADD', KEYS[key], now, ARGV[17])
  redis.call('ZADD', KEYS[key + 1], 0, ARGV[19])
end
for i = name_at, name_at + name_len - 1 do
  redis.call('HSET', KEYS[4], ARGV[i], '')
end

for i = 0, decision_len - 1 do
  local at = decision_at + 3 * i
  redis.call('ZADD', KEYS[decision_key], ARGV[at + 1], ARGV[at])
  redis.call('ZADD', KEYS[decision_key + 1], ARGV[at + 1], ARGV[at])
  redis.call('HSET', KEYS[decision_key + 2], ARGV[at], ARGV[at + 2])
  redis.call('ZADD', KEYS[decision_key + 3], 'LT', ARGV[at + 1], ARGV[20])
end
local at = day_at
for i = 0, day_len - 1 do
  local kept_ms, len = ARGV[at], tonumber(ARGV[at + 1])
  for j = at + 2, at + 2 * len, 2 do
    redis.call('HINCRBY', KEYS[day_key + i], ARGV[j], ARGV[j + 1])
  end
  redis.call('PEXPIRE', KEYS[day_key + i], kept_ms)
  at = at + 2 + 2 * len
end

if wake ~= '' then
  local earliest = redis.call('ZRANGE', KEYS[5], 0, 0, 'WITHSCORES')[2]
  redis.call('ZADD', KEYS[5], wake, ARGV[17])
  if not earliest or tonumber(wake) < tonumber(earliest) then
    redis.call('SPUBLISH', ARGV[21], 'w' .. wake)
  end
elseif was_due ~= '' then
  redis.call('ZREM', KEYS[5], ARGV[17])
end
if was_due ~= '' then
  redis.call('HDEL', KEYS[6], ARGV[17])
end
if closed ~= '' and wake == '' then
  redis.call('ZADD', KEYS[7], now, ARGV[17])
elseif S[10] and S[10] ~= '' then
  redis.call('ZREM', KEYS[7], ARGV[17])
end

for i = 0, cause_len - 1 do
  local name = ARGV[cause_at + 2 * i]
  if redis.call('HSETNX', KEYS[cause_key + 1], name, ARGV[cause_at + 2 * i + 1]) == 1 then
    redis.call('ZADD', KEYS[cause_key], redis.call('INCR', KEYS[cause_key + 2]), name)
  end
end
if cause_len > 0 then
  redis.call('SPUBLISH', ARGV[21], ARGV[23])
end
if message_len > 0 and S[13] and S[13] ~= '' then
  local told = {}
  for worker in string.gmatch(S[13], '([^ ,]+) [^,]+') do
    if not told[worker] then
      told[worker] = true
      redis.call('SPUBLISH', ARGV[22] .. worker, string.format('%d:%.0f:', #epoch, last) .. epoch .. ARGV[17])
    end
  end
end
return {1, made, profile_version, first, last, ARGV[15] == '' and epoch == ARGV[2] and 1 or 0}
