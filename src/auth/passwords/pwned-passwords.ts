import { createHash } from 'node:crypto';
import { BreachedPasswordCheck } from './breached-password-check.js';

/** @publicApi */
export interface PwnedPasswordsOptions {
  /** URL of the service. The prefix of the hash is appended. @default 'https://api.pwnedpasswords.com/range/' */
  url?: string;
  /** Maximum duration of a request, in milliseconds. @default 1000 */
  timeoutMs?: number;
}

const PREFIX_LENGTH = 5;

/**
 * Checks passwords with the range API of Have I Been Pwned. It sends the first five of the forty hex digits of the
 * password's SHA-1, which many passwords share. The service returns all known hashes with this prefix. Padding hides their
 * number from observers of the network.
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

  async countBreaches(password: string): Promise<number> {
    const hash = createHash('sha1').update(password).digest('hex').toUpperCase();
    const response = await fetch(this.url + hash.slice(0, PREFIX_LENGTH), {
      headers: { 'Add-Padding': 'true', 'User-Agent': 'nest-bulwark' },
      redirect: 'error',
      signal: AbortSignal.timeout(this.timeoutMs),
    });
    if (!response.ok) throw new Error(`The service for breached passwords responded with status ${response.status}`);
    const suffix = `${hash.slice(PREFIX_LENGTH)}:`;
    const line = (await response.text()).split('\n').find((one) => one.toUpperCase().startsWith(suffix));
    // Padding lines have the count 0.
    return line === undefined ? 0 : Number.parseInt(line.slice(suffix.length), 10) || 0;
  }
}
