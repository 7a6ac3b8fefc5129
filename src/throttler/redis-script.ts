import { createHash } from 'node:crypto';

/** Number of arguments of the script before those of the hits, and number of arguments of each hit. */
const ARGUMENTS_BEFORE_HITS = 1;
const ARGUMENTS_PER_HIT = 5;
/** Number of values in the answer before those of the hits, and number of values of each hit. */
export const VALUES_BEFORE_HITS = 2;
export const VALUES_PER_HIT = 4;

/** Flags of a hit. */
export const FIXED_WINDOW = 1;
export const SHADOW = 2;

/** Redis expires keys by a clock that is less exact than TIME. A counter must not expire before its windows end. */
export const SLACK_MS = 1_000;

/**
 * Lua: reads the counter of `key` and moves it to the window of `now`. Expects `key`, `now`, `window` and `fixed`; sets
 * `start`, `current`, `previous`, `held` and `elapsed`.
 */
export const READ_COUNTER = `  local start, current, previous, held = now, 0, 0, 0
  local stored = redis.call('GET', key)
  if stored then
    local a, b, c, d = string.match(stored, '^(%d+) (%d+) (%d+) (%d+)$')
    if a then start, current, previous, held = tonumber(a), tonumber(b), tonumber(c), tonumber(d) end
  end

  local elapsed = math.max(0, now - start)
  if elapsed >= window then
    if not fixed and elapsed < 2 * window then
      start, previous = start + window, current
    else
      start, previous = now, 0
    end
    current = 0
    elapsed = now - start
  end
`;

/**
 * Checks all policies of a request in one step, by the server's clock, with the same arithmetic as `CounterTable.take()`.
 *
 * KEYS are the counters. ARGV[1] is the server time after which the caller no longer waits (0: unknown). A script that
 * runs later, because Redis did not respond for a while, must not count: the request has been decided elsewhere. Then for
 * each key: limit, window, cost, block, flags. A negative cost is a refund.
 *
 * Returns the server time and 1 (allowed), 0 (refused) or -1 (too late). Then for each key: allowed, remaining, reset and
 * wait.
 */
export const SCRIPT = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local deadline = tonumber(ARGV[1])
if deadline > 0 and now > deadline then return {now, -1} end

local states, answer, allowed = {}, {now, 1}, true
for i, key in ipairs(KEYS) do
  local at = ${ARGUMENTS_BEFORE_HITS} + (i - 1) * ${ARGUMENTS_PER_HIT}
  local limit, window, cost = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3])
  local block, flags = tonumber(ARGV[at + 4]), tonumber(ARGV[at + 5])
  local fixed, shadow = flags % 2 == 1, flags >= ${SHADOW}
${READ_COUNTER}
  if current == 0 and previous == 0 then start, elapsed = now, 0 end
  local room = (limit - current) * window - previous * (window - elapsed)
  local ok = cost < 0 or (held <= now and cost * window <= room)
  local wait = 0
  if not ok then
    local untilNext = window - elapsed
    if cost > limit then wait = window + untilNext
    elseif fixed then wait = untilNext
    else
      local spare = limit - current - cost
      if spare < 0 then wait = untilNext + math.max(0, math.ceil(window - (limit - cost) * window / current))
      elseif previous > 0 then wait = math.max(0, math.ceil(window - spare * window / previous) - elapsed) end
    end
    if held > now then wait = math.max(wait, held - now) else wait = math.max(wait, block) end
    if not shadow then allowed = false end
  end
  local left = room / window
  if held > now or left < 0 then left = 0 end
  states[i] = {start, current, previous, held, cost, window, block, fixed, ok, left}
  local n = ${VALUES_BEFORE_HITS} + (i - 1) * ${VALUES_PER_HIT}
  answer[n + 1], answer[n + 2], answer[n + 3], answer[n + 4] = ok and 1 or 0, 0, window - elapsed, wait
end

if not allowed then answer[2] = 0 end
for i, key in ipairs(KEYS) do
  local start, current, previous, held, cost, window, block, fixed, ok, left = unpack(states[i])
  local changed = false
  if ok and allowed and cost ~= 0 then
    if cost < 0 then previous = math.max(0, previous + math.min(0, current + cost)) end
    current = math.max(0, current + cost)
    left = math.max(0, left - cost)
    changed = true
  elseif not ok and block > 0 and held <= now then
    held = now + block
    changed = true
  end
  answer[${VALUES_BEFORE_HITS} + (i - 1) * ${VALUES_PER_HIT} + 2] = math.floor(left)
  if changed and current == 0 and previous == 0 and held <= now then
    redis.call('DEL', key)
  elseif changed then
    local life = math.max(start + (fixed and 1 or 2) * window, held) - now + ${SLACK_MS}
    redis.call('SET', key, string.format('%.0f %.0f %.0f %.0f', start, current, previous, held), 'PX', string.format('%.0f', life))
  end
end
return answer
`;

/** The id of the script for `EVALSHA`. */
export const SCRIPT_SHA = createHash('sha1').update(SCRIPT).digest('hex');
