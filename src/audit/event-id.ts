import { uuidv7 } from '../common/index.js';

/** Where the counter may begin, so that it has room to grow within its 12 bits. */
const FIRST = 0x100;
const LAST = 0xfff;

let millisecond = 0;
let count = FIRST;

/**
 * A UUIDv7 whose 12 bits after the time count the events of one millisecond (RFC 9562, section 6.2, method 1), so that
 * events of a process are read in the order in which they were recorded.
 */
export function eventId(now: number): string {
  count = now === millisecond ? Math.min(count + 1, LAST) : FIRST;
  millisecond = now;
  const id = uuidv7(now);
  return `${id.slice(0, 15)}${count.toString(16)}${id.slice(18)}`;
}
