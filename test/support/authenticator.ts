import { URI, type TOTP } from 'otpauth';

const STEP_MS = 30_000;

/** An authenticator app for the URI of an enrolment. A code is valid only once, so each call returns another code. */
export class Authenticator {
  private readonly totp: TOTP;
  private steps = 0;

  constructor(uri: string) {
    this.totp = URI.parse(uri) as TOTP;
  }

  /** The code of the current step, then of the next. A code of the previous step could expire during the request. */
  next(): string {
    if (this.steps > 1) throw new Error('A test has used up the codes that count at one time');
    return this.at(this.steps++);
  }

  /** The code that is valid `steps` time steps from now. */
  at(steps: number): string {
    return this.totp.generate({ timestamp: Date.now() + steps * STEP_MS });
  }
}
