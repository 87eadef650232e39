-- A part of a partition in order.
--
-- KEYS: the list of the partition, and what stands before the keys of its records.
-- ARGV: the lower bound, the upper one (in the words of ZRANGEBYLEX), "1" for newest first, how many names to look at,
-- how many bytes are enough.
--
-- Returns 1 when there may be more, else 0, the last name that was looked at, and of each record that is there its name and value. A name
-- whose record has expired is taken out of the list.

local names
if ARGV[3] == '1' then
    names = redis.call('ZREVRANGEBYLEX', KEYS[1], ARGV[2], ARGV[1], 'LIMIT', 0, ARGV[4])
else
    names = redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[4])
end
local found, size, looked = {0, ''}, 0, 0
for _, name in ipairs(names) do
    looked = looked + 1
    local value = redis.call('GET', KEYS[2] .. name)
    if value then
        found[#found + 1] = name
        found[#found + 1] = value
        size = size + #value
    else
        redis.call('ZREM', KEYS[1], name)
    end
    found[2] = name
    if size > tonumber(ARGV[5]) then
        break
    end
end
if looked < #names or #names == tonumber(ARGV[4]) then
    found[1] = 1
end
return found
