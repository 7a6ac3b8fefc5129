import { URI, type TOTP } from 'otpauth';

const STEP_MS = 30_000;

/** An authenticator app, made from the URI that an enrolment hands out. Each code is good once, so that each asked for is another. */
export class Authenticator {
  private readonly totp: TOTP;
  private steps = 0;

  constructor(uri: string) {
    this.totp = URI.parse(uri) as TOTP;
  }

  /** The code of now, and then that of the next step. None of the step before, which ends to count while it is on its way. */
  next(): string {
    if (this.steps > 1) throw new Error('A test has used up the codes that count at one time');
    return this.at(this.steps++);
  }

  /** The code of some steps from now. */
  at(steps: number): string {
    return this.totp.generate({ timestamp: Date.now() + steps * STEP_MS });
  }
}
