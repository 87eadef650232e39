-- A commit: all writes or none.
--
-- KEYS: for each write the key of its record, and the key of the list of its partition.
-- ARGV: for each write eight: what (put, delete, check), the condition (any, absent, token) and its token, the name in
-- the list ("" for a table without sort key), the new token, when Redis drops it ("" for never; milliseconds since 1970),
-- the index entries as JSON [[index, value, sort, id], ...] (id "" for: keep the present one) or "", and the record.
-- The last argument is how old, in microseconds, an entry may be.
--
-- Returns {"applied"}, {"refused", position}, {"entries", position, ...} (those whose entries are not there yet),
-- {"stale"}, or {"done", entry that is not needed any more, ...}, each as index, value, sort, id, name.

local per = 8
local count = #KEYS / 2

local function split(value)
    local first = string.find(value, '\0', 1, true)
    local second = string.find(value, '\0', first + 1, true)
    return string.sub(value, 1, first - 1), string.sub(value, first + 1, second - 1)
end

local tokens, entries = {}, {}
for i = 1, count do
    local value = redis.call('GET', KEYS[2 * i - 1])
    if value then
        tokens[i], entries[i] = split(value)
    end
end

for i = 1, count do
    local at = (i - 1) * per
    if ARGV[at + 1] == 'put' and tokens[i] == ARGV[at + 5] then
        return {'applied'}
    end
end

for i = 1, count do
    local at = (i - 1) * per
    local when = ARGV[at + 2]
    if (when == 'absent' and tokens[i]) or (when == 'token' and tokens[i] ~= ARGV[at + 3]) then
        return {'refused', i - 1}
    end
end

local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local oldest = now - tonumber(ARGV[#ARGV])
local missing, kept, gone = {'entries'}, {}, {'done'}

local function leave(old, i)
    for _, value in ipairs({old[1], old[2], old[3], old[4], tostring(i - 1)}) do
        gone[#gone + 1] = value
    end
end

for i = 1, count do
    local at = (i - 1) * per
    local what, given = ARGV[at + 1], ARGV[at + 7]
    if what ~= 'check' then
        local present = {}
        if entries[i] and entries[i] ~= '' then
            for _, old in ipairs(cjson.decode(entries[i])) do
                present[old[1]] = old
            end
        end
        local wanted, needs = {}, false
        if what == 'put' and given ~= '' then
            for _, new in ipairs(cjson.decode(given)) do
                local old = present[new[1]]
                if old and old[2] == new[2] and old[3] == new[3] then
                    new[4] = old[4]
                    present[new[1]] = nil
                elseif new[4] == '' then
                    needs = true
                elseif tonumber(string.sub(new[4], 1, 14), 16) < oldest then
                    return {'stale'}
                end
                wanted[#wanted + 1] = new
            end
        end
        if needs then
            missing[#missing + 1] = i - 1
        end
        kept[i] = #wanted > 0 and cjson.encode(wanted) or ''
        for _, old in pairs(present) do
            leave(old, i)
        end
    end
end
if #missing > 1 then
    return missing
end

for i = 1, count do
    local at = (i - 1) * per
    local what, record, list, name = ARGV[at + 1], KEYS[2 * i - 1], KEYS[2 * i], ARGV[at + 4]
    if what == 'put' then
        redis.call('SET', record, ARGV[at + 5] .. '\0' .. kept[i] .. '\0' .. ARGV[at + 8])
        if ARGV[at + 6] ~= '' then
            redis.call('PEXPIREAT', record, ARGV[at + 6])
        end
        if name ~= '' then
            redis.call('ZADD', list, 0, name)
        end
    elseif what == 'delete' then
        redis.call('DEL', record)
        if name ~= '' then
            redis.call('ZREM', list, name)
        end
    end
end
return gone
