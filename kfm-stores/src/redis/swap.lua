-- KEYS: fence, newest generation, index, changes, then a cell for each swap.
-- ARGV: token, operation, time, classes, most changes that are kept, then five for each swap: key, value before, generation before ('' if not known),
-- value after, content. An absent value is ''.
-- Answers for each swap: word, value, generation; or the single word 'fenced', and nothing was changed.
local token = tonumber(ARGV[1])
local fence = tonumber(redis.call('GET', KEYS[1]) or '0')
if token < fence then
    return { { 'fenced' } }
end
if token > fence then
    redis.call('SET', KEYS[1], ARGV[1])
end
local answers = {}
for i = 1, #KEYS - 4 do
    local cell, at = KEYS[i + 4], 5 + (i - 1) * 5
    local key, before, generation_before, after, content =
        ARGV[at + 1], ARGV[at + 2], ARGV[at + 3], ARGV[at + 4], ARGV[at + 5]
    local seen = redis.pcall('HMGET', cell, 'value', 'generation')
    if seen.err then
        answers[i] = { 'failed', seen.err }
    else
        local value, generation = seen[1] or '', seen[2] or '0'
        if value == after then
            answers[i] = { 'already', value, generation }
        elseif value ~= before or (generation_before ~= '' and generation_before ~= generation) then
            answers[i] = { 'conflict', value, generation }
        else
            -- Above every generation of an earlier executor, also if Redis was emptied in between.
            local newest = tonumber(redis.call('GET', KEYS[2]) or '0')
            local next = string.format('%.0f', math.max(newest + 1, token * 1048576))
            redis.call('SET', KEYS[2], next)
            local changed = { 'generation', next, 'operation', ARGV[2], 'at', ARGV[3] }
            if after == '' then
                redis.call('HSET', cell, unpack(changed))
                redis.call('HDEL', cell, 'value', 'content')
                redis.call('ZREM', KEYS[3], key)
            else
                redis.call('ZADD', KEYS[3], 0, key)
                redis.call('HSET', cell, 'value', after, 'content', content, unpack(changed))
            end
            redis.call('XADD', KEYS[4], 'MAXLEN', '~', ARGV[5], '*', 'namespace', key, 'value', after,
                'classes', ARGV[4], unpack(changed))
            answers[i] = { 'applied', after, next }
        end
    end
end
return answers
