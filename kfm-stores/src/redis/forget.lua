-- KEYS: the rows of a namespace. ARGV: a generation, then names of rows.
-- Removes the notes of those that were not noted anew for this generation or a later one.
for i = 2, #ARGV do
    local noted = redis.call('ZSCORE', KEYS[1], ARGV[i])
    if noted and tonumber(noted) < tonumber(ARGV[1]) then
        redis.call('ZREM', KEYS[1], ARGV[i])
    end
end
return 0
