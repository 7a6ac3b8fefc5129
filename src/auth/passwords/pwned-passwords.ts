import { createHash } from 'node:crypto';
import { BreachedPasswordCheck } from './breached-password-check.js';

/** @publicApi */
export interface PwnedPasswordsOptions {
  /** Address of the service, to which the prefix is appended. @default 'https://api.pwnedpasswords.com/range/' */
  url?: string;
  /** Longest wait for the answer, in milliseconds. @default 1000 */
  timeoutMs?: number;
}

const PREFIX = 5;

/**
 * The range protocol of Have I Been Pwned: the service is told the first five of forty digits of the password's SHA-1, which
 * thousands of passwords share, and answers with all that begin so. Padding hides their number from who watches.
 *
 * https://haveibeenpwned.com/API/v3#PwnedPasswords
 *
 * @publicApi
 */
export class PwnedPasswords extends BreachedPasswordCheck {
  private readonly url: string;
  private readonly timeoutMs: number;

  constructor({ url = 'https://api.pwnedpasswords.com/range/', timeoutMs = 1_000 }: PwnedPasswordsOptions = {}) {
    super();
    this.url = url.endsWith('/') ? url : `${url}/`;
    this.timeoutMs = timeoutMs;
  }

  async timesSeen(password: string): Promise<number> {
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
    const response = await fetch(this.url + hash.slice(0, PREFIX), {
      headers: { 'Add-Padding': 'true', 'User-Agent': 'nest-bulwark' },
      redirect: 'error',
      signal: AbortSignal.timeout(this.timeoutMs),
    });
    if (!response.ok) throw new Error(`The service of leaked passwords answered ${response.status}`);
    const suffix = `${hash.slice(PREFIX)}:`;
    const line = (await response.text()).split('\n').find((one) => one.toUpperCase().startsWith(suffix));
    // Lines of padding have a count of 0.
    return line === undefined ? 0 : Number.parseInt(line.slice(suffix.length), 10) || 0;
  }
}
