import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { AuditTrail, FailureThrottle, NoAuditTrail, NoFailureThrottle, ProblemException } from '../../common/index.js';
import { UsersService } from '../../users/index.js';
import { AccountMails } from '../accounts/account-mails.service.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { deviceOfSession } from '../cookies/device-cookie.js';
import { Sealer } from '../sealer.js';
import type { AuthenticationMethod } from '../sessions/session.entity.js';
import { newRecoveryCodes, recoveryCodeHash } from './recovery-codes.js';
import type { RecoveryCodesView, SecondFactorView, TotpEnrolmentView } from './second-factor.dto.js';
import { SecondFactorStore, type SecondFactor } from './second-factor.store.js';
import { base32, matchingStep, newSecret, otpauthUri } from './totp.js';

const TOTP_CODE = /^\d{6}$/;

/** The second factor: codes by time (RFC 6238) from an authenticator app, and recovery codes for when that is lost. */
@Injectable()
export class SecondFactorService {
  private readonly logger = new Logger('Auth');

  constructor(
    private readonly store: SecondFactorStore,
    private readonly sealer: Sealer,
    private readonly users: UsersService,
    private readonly mails: AccountMails,
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly failures: FailureThrottle = new NoFailureThrottle(),
  ) {}

  async isEnabled(userId: string): Promise<boolean> {
    return isInForce(await this.store.find(userId));
  }

  async view(userId: string): Promise<SecondFactorView> {
    const factor = await this.store.find(userId);
    return {
      enabled: isInForce(factor),
      enabledAt: factor?.confirmedAt ?? null,
      recoveryCodesLeft: await this.store.countCodes(userId),
    };
  }

  /** Hands out a secret, which counts for nothing until a code made of it comes back. @throws `CONFLICT` */
  async begin(userId: string): Promise<TotpEnrolmentView> {
    const secret = newSecret();
    if (!(await this.store.begin(userId, this.sealer.seal(secret.toString('base64'), ownerOf(userId))))) {
      throw new ProblemException('CONFLICT', 'A second factor is in force. Disable it before you set up another.');
    }
    const { email } = await this.users.get(userId);
    return { secret: base32(secret), uri: otpauthUri(this.settings.issuer, email, secret) };
  }

  /** @throws ProblemException `VALIDATION_FAILED` on a wrong code, `CONFLICT` where there is nothing to confirm */
  async confirm(userId: string, code: string): Promise<RecoveryCodesView> {
    const factor = await this.store.find(userId);
    if (!factor || factor.confirmedAt) throw new ProblemException('CONFLICT', 'There is no enrolment to confirm.');
    const isRight = await this.counted(userId, () => this.acceptsTotp(userId, factor, code));
    if (!isRight) throw wrongCode();
    const recoveryCodes = newRecoveryCodes();
    if (!(await this.store.confirm(userId, recoveryCodes.map(recoveryCodeHash)))) {
      throw new ProblemException('CONFLICT', 'The enrolment was confirmed by another request.');
    }
    await this.tell(userId, 'auth.mfa_enabled', 'A second factor was set up');
    return { recoveryCodes };
  }

  /** Makes the codes from before void. */
  async renewCodes(userId: string, code: string): Promise<RecoveryCodesView> {
    await this.demand(userId, code);
    const recoveryCodes = newRecoveryCodes();
    await this.store.replaceCodes(userId, recoveryCodes.map(recoveryCodeHash));
    await this.tell(userId, 'auth.recovery_codes_renewed', 'New recovery codes were made');
    return { recoveryCodes };
  }

  async disable(userId: string, code: string): Promise<void> {
    await this.demand(userId, code);
    await this.remove(userId);
  }

  /** Without a code, for administrators. @throws ProblemException `NOT_FOUND` */
  async remove(userId: string): Promise<void> {
    if (!(await this.store.remove(userId))) throw new ProblemException('NOT_FOUND', 'There is no second factor.');
    await this.tell(userId, 'auth.mfa_disabled', 'The second factor was removed');
  }

  /** Removes what is kept of a user who is gone. */
  async forget(userId: string): Promise<void> {
    await this.store.remove(userId);
  }

  /**
   * Takes a code from the app, or a recovery code, each once. Undefined where it is wrong, or was used.
   *
   * @param device that has logged in to the account before, if so
   * @throws ProblemException `RATE_LIMITED`
   */
  verify(userId: string, code: string, device?: string): Promise<readonly AuthenticationMethod[] | undefined> {
    const attempt = async () => {
      const factor = await this.store.find(userId);
      if (!factor?.confirmedAt) return undefined;
      if (TOTP_CODE.test(code)) {
        return (await this.acceptsTotp(userId, factor, code)) ? (['pwd', 'otp', 'mfa'] as const) : undefined;
      }
      if (!(await this.store.useCode(userId, recoveryCodeHash(code)))) return undefined;
      const left = await this.store.countCodes(userId);
      await this.tell(userId, 'auth.recovery_code_used', 'A recovery code was used', `${left} are left.`);
      return ['pwd', 'mfa'] as const;
    };
    return this.counted(userId, attempt, device);
  }

  /** @throws ProblemException `VALIDATION_FAILED` where the code is missing or wrong */
  async demand(userId: string, code: string | undefined): Promise<readonly AuthenticationMethod[]> {
    const methods = code === undefined ? undefined : await this.verify(userId, code);
    if (methods) return methods;
    throw wrongCode();
  }

  private async acceptsTotp(userId: string, factor: SecondFactor, code: string): Promise<boolean> {
    let secret: Buffer;
    try {
      secret = Buffer.from(this.sealer.open(factor.sealedSecret, ownerOf(userId)), 'base64');
    } catch (error) {
      // Recovery codes still work, so that nobody is shut out for good by a lost key.
      this.logger.error({ err: error, user: userId, msg: 'a second factor cannot be read' });
      return false;
    }
    const step = matchingStep(secret, code, Date.now());
    return step !== undefined && (await this.store.useStep(userId, step));
  }

  /** Counts what fails against the account's second factor and the address, apart from wrong passwords. */
  private async counted<T>(userId: string, attempt: () => Promise<T>, device = deviceOfSession()): Promise<T> {
    const giveBack = await this.failures.attempt({ account: ownerOf(userId), device });
    let result: T;
    try {
      result = await attempt();
    } catch (error) {
      await giveBack();
      throw error;
    }
    if (result) await giveBack();
    else this.audit.record({ action: 'auth.mfa_failed', outcome: 'failure', actorId: userId });
    return result;
  }

  private async tell(userId: string, action: string, subject: string, text = ''): Promise<void> {
    this.audit.record({ action, outcome: 'success', actorId: userId, target: `user:${userId}` });
    const { email } = await this.users.get(userId);
    await this.mails.notify(email, subject, `${text} If that was not you, change your password at once.`.trim());
  }
}

function ownerOf(userId: string): string {
  return `second-factor:${userId}`;
}

function isInForce(factor: SecondFactor | undefined): boolean {
  return factor !== undefined && factor.confirmedAt !== null;
}

function wrongCode(): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'The code is missing, wrong or used. Wait for the next one.', {
    errors: [{ path: 'code', code: 'codeWrong', message: 'code is missing, wrong or used' }],
  });
}
