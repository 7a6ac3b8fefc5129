import { createHash } from 'node:crypto';
import { READ_COUNTER, SLACK_MS } from './redis-script.js';

/**
 * Adds hits that a process has counted by itself to a counter, even above the limit.
 *
 * KEYS are the counter and the marker of this charge. If the marker exists, the charge has been counted. ARGV is the
 * window, the cost, the age of the window of the hits, 1 for a fixed window, and the lifetime of the marker. A negative
 * cost subtracts hits. An empty counter takes the window of the hits; otherwise they count in its current window.
 *
 * Returns the server time.
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

/** The id of the script for `EVALSHA`. */
export const CHARGE_SCRIPT_SHA = createHash('sha1').update(CHARGE_SCRIPT).digest('hex');
