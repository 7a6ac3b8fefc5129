import { createHash } from 'node:crypto';
import { READ_COUNTER, SLACK_MS } from './redis-script.js';

/**
 * Adds hits that a process has counted by itself to a counter, whether or not there is room for them.
 *
 * KEYS are the counter and the mark of this charge: a charge whose mark is there has been counted. ARGV is the window, the
 * cost, the age of the window in which the hits were made, 1 for a fixed window, and how long the mark lives. A negative
 * cost takes hits away. A counter that is empty takes the window of the hits; otherwise they count in its current window.
 *
 * Answers the server time.
 */
export const CHARGE_SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local window, cost, age = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local fixed = ARGV[4] == '1'
if not redis.call('SET', KEYS[2], '1', 'NX', 'PX', ARGV[5]) then return {now} end

local key = KEYS[1]
${READ_COUNTER}if current == 0 and previous == 0 then start = now - age end
if cost < 0 then previous = math.max(0, previous + math.min(0, current + cost)) end
current = math.max(0, current + cost)
if current == 0 and previous == 0 and held <= now then
  redis.call('DEL', key)
  return {now}
end
local life = math.max(start + (fixed and 1 or 2) * window, held) - now + ${SLACK_MS}
redis.call('SET', key, string.format('%.0f %.0f %.0f %.0f', start, current, previous, held), 'PX', string.format('%.0f', life))
return {now}
`;

/** What Redis knows the script by once it has seen it. */
export const CHARGE_SCRIPT_SHA = createHash('sha1').update(CHARGE_SCRIPT).digest('hex');
