import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { AuditTrail, FailureThrottle, NoAuditTrail, NoFailureThrottle, type AuditAction } from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import type { Principal } from '../../context/index.js';
import { afterCommit } from '../../database/index.js';
import type { UserRecord, UserWithPassword } from '../../users/index.js';
import { AccountMails } from '../accounts/account-mails.service.js';
import { AccountTransactions } from '../accounts/account-transactions.js';
import { OneTimeTokenService } from '../accounts/one-time-token.service.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { deviceOfSession } from '../cookies/device-cookie.js';
import { FieldEncryptor } from '../field-encryptor.js';
import type { AuthenticationMethod } from '../sessions/session.entity.js';
import { SessionService } from '../sessions/session.service.js';
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
    private readonly encryptor: FieldEncryptor,
    private readonly accounts: AccountTransactions,
    private readonly sessions: SessionService,
    private readonly tokens: OneTimeTokenService,
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
  begin(principal: Principal): Promise<TotpEnrolmentView> {
    const secret = newSecret();
    return this.accounts.runAs(principal, async ({ id, email }) => {
      if (!(await this.store.begin(id, this.encryptor.encrypt(secret.toString('base64'), ownerOf(id))))) {
        throw new ProblemException('CONFLICT', 'A second factor is in force. Disable it before you set up another.');
      }
      return { secret: base32(secret), uri: otpauthUri(this.settings.issuer, email, secret) };
    });
  }

  /**
   * Puts the factor in force and ends the other sessions: they were opened without it.
   *
   * @throws ProblemException `VALIDATION_FAILED` on a wrong code, `CONFLICT` where there is nothing to confirm
   */
  async confirm(principal: Principal, code: string): Promise<RecoveryCodesView> {
    const recoveryCodes = newRecoveryCodes();
    const isConfirmed = await this.countFailures(principal.id, () =>
      this.accounts.runAs(principal, async (user) => {
        const factor = await this.store.find(user.id);
        if (!factor || factor.confirmedAt) throw new ProblemException('CONFLICT', 'There is no enrolment to confirm.');
        if (!(await this.acceptsTotp(user.id, factor, code))) return undefined;
        await this.store.confirm(user.id, recoveryCodes.map(recoveryCodeHash));
        await this.sessions.revokeAll(user.id, principal.sessionId);
        await this.notifyOwner(user, 'auth.mfa_enabled', 'A second factor was set up');
        return true;
      }),
    );
    if (isConfirmed === undefined) throw wrongCode();
    return { recoveryCodes };
  }

  /** Voids the codes from before. @throws ProblemException `VALIDATION_FAILED` on a wrong code */
  async renewCodes(principal: Principal, code: string): Promise<RecoveryCodesView> {
    const recoveryCodes = newRecoveryCodes();
    const isRenewed = await this.countFailures(principal.id, () =>
      this.accounts.runAs(principal, async (user) => {
        if (!(await this.useCode(user, code))) return undefined;
        await this.store.replaceCodes(user.id, recoveryCodes.map(recoveryCodeHash));
        await this.notifyOwner(user, 'auth.recovery_codes_renewed', 'New recovery codes were made');
        return true;
      }),
    );
    if (isRenewed === undefined) throw wrongCode();
    return { recoveryCodes };
  }

  /**
   * @param seen the account with the password that the caller has given
   * @throws ProblemException `VALIDATION_FAILED` on a wrong code
   */
  async disable(principal: Principal, seen: UserWithPassword, code: string): Promise<void> {
    const isDisabled = await this.countFailures(principal.id, () =>
      this.accounts.runAs(principal, async (user) => {
        await this.accounts.sameAs(seen);
        if (!(await this.useCode(user, code))) return undefined;
        await this.remove(user);
        return true;
      }),
    );
    if (isDisabled === undefined) throw wrongCode();
  }

  /** Without a code. For a flow that holds the account's lock. @throws ProblemException `NOT_FOUND` */
  async remove(user: UserRecord): Promise<void> {
    if (!(await this.store.remove(user.id))) throw new ProblemException('NOT_FOUND', 'There is no second factor.');
    // A login that waits for its second step would wait for a factor that is gone.
    await this.tokens.revokeAll(user.id, 'second-factor');
    await this.notifyOwner(user, 'auth.mfa_disabled', 'The second factor was removed');
  }

  /** Removes what is kept of a user who is gone. For a flow that holds the account's lock. */
  async forget(userId: string): Promise<void> {
    await this.store.remove(userId);
  }

  /**
   * Runs `work` if the code, from the app or a recovery code, is right. The code is used up in the same transaction, under
   * the account's lock: what `work` throws leaves it unused.
   *
   * @param device that has logged in to the account before, if so
   * @returns undefined where the code is wrong, or was used
   * @throws ProblemException `RATE_LIMITED`
   */
  withCode<T extends object>(
    userId: string,
    code: string,
    work: (user: UserRecord, methods: readonly AuthenticationMethod[]) => Promise<T>,
    device?: string,
  ): Promise<T | undefined> {
    const attempt = () =>
      this.accounts.run(userId, async (user) => {
        const methods = await this.useCode(user, code);
        return methods && work(user, methods);
      });
    return this.countFailures(userId, attempt, device);
  }

  private async useCode(user: UserRecord, code: string): Promise<readonly AuthenticationMethod[] | undefined> {
    const factor = await this.store.find(user.id);
    if (!factor?.confirmedAt) return undefined;
    if (TOTP_CODE.test(code)) {
      return (await this.acceptsTotp(user.id, factor, code)) ? (['pwd', 'otp', 'mfa'] as const) : undefined;
    }
    if (!(await this.store.useCode(user.id, recoveryCodeHash(code)))) return undefined;
    const left = await this.store.countCodes(user.id);
    await this.notifyOwner(user, 'auth.recovery_code_used', 'A recovery code was used', `${left} are left.`);
    return ['pwd', 'mfa'] as const;
  }

  private async acceptsTotp(userId: string, factor: SecondFactor, code: string): Promise<boolean> {
    let secret: Buffer;
    try {
      secret = Buffer.from(this.encryptor.decrypt(factor.sealedSecret, ownerOf(userId)), 'base64');
    } catch (error) {
      // Recovery codes still work, so that nobody is shut out for good by a lost key.
      this.logger.error({ err: error, user: userId, msg: 'a second factor cannot be read' });
      return false;
    }
    const step = matchingStep(secret, code, Date.now());
    return step !== undefined && (await this.store.useStep(userId, step));
  }

  /** Counts wrong codes against the account's second factor and the address, apart from wrong passwords. */
  private async countFailures<T>(
    userId: string,
    attempt: () => Promise<T | undefined>,
    device = deviceOfSession(),
  ): Promise<T | undefined> {
    const refund = await this.failures.attempt({ account: ownerOf(userId), device });
    let result: T | undefined;
    try {
      result = await attempt();
    } catch (error) {
      await refund();
      throw error;
    }
    if (result !== undefined) await refund();
    else this.audit.record({ action: 'auth.mfa_failed', outcome: 'failure', actorId: userId });
    return result;
  }

  /** Audits the change and mails it to the owner, in the transaction of the change. */
  private async notifyOwner({ id, email }: UserRecord, action: AuditAction, subject: string, text = ''): Promise<void> {
    await this.mails.notify(email, subject, `${text} If that was not you, change your password at once.`.trim());
    await afterCommit(() => this.audit.record({ action, outcome: 'success', actorId: id, target: `user:${id}` }));
  }
}

function ownerOf(userId: string): string {
  return `second-factor:${userId}`;
}

function isInForce(factor: SecondFactor | undefined): boolean {
  return factor !== undefined && factor.confirmedAt !== null;
}

/** @internal */
export function wrongCode(): ProblemException {
  return new ProblemException('VALIDATION_FAILED', 'The code is missing, wrong or used. Wait for the next one.', {
    errors: [{ path: 'code', code: 'codeWrong', message: 'code is missing, wrong or used' }],
  });
}
