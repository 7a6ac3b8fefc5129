import { uuidv7 } from '../common/index.js';

/** First value of the 12-bit counter. */
const MIN_COUNT = 0x100;
const MAX_COUNT = 0xfff;

let millisecond = 0;
let count = MIN_COUNT;

/**
 * Returns a UUIDv7. The 12 bits after the time count the events of one millisecond (RFC 9562, section 6.2, method 1).
 * The ids of one process therefore have the order of recording.
 */
export function eventId(now: number): string {
  count = now === millisecond ? Math.min(count + 1, MAX_COUNT) : MIN_COUNT;
  millisecond = now;
  const id = uuidv7(now);
  return `${id.slice(0, 15)}${count.toString(16)}${id.slice(18)}`;
}
