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
import { getSessionDevice } from '../cookies/device-cookie.js';
import { FieldEncryptor } from '../field-encryptor.js';
import type { AuthenticationMethod } from '../sessions/session.entity.js';
import { SessionService } from '../sessions/session.service.js';
import { generateRecoveryCodes, hashRecoveryCode } from './recovery-codes.js';
import type { RecoveryCodesView, SecondFactorView, TotpEnrolmentView } from './second-factor.dto.js';
import { SecondFactorStore, type SecondFactor } from './second-factor.store.js';
import { encodeBase32, findMatchingStep, generateSecret, createOtpauthUri } from './totp.js';

const TOTP_CODE = /^\d{6}$/;

/** The second factor: TOTP codes (RFC 6238) of an authenticator app, and recovery codes for users who have lost it. */
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
    return isActive(await this.store.find(userId));
  }

  async getStatus(userId: string): Promise<SecondFactorView> {
    const factor = await this.store.find(userId);
    return {
      enabled: isActive(factor),
      enabledAt: factor?.confirmedAt ?? null,
      recoveryCodesLeft: await this.store.countRecoveryCodes(userId),
    };
  }

  /** Returns a new secret. The factor is active only after {@link confirmEnrolment}. @throws ProblemException `CONFLICT` */
  beginEnrolment(principal: Principal): Promise<TotpEnrolmentView> {
    const secret = generateSecret();
    return this.accounts.runAs(principal, async ({ id, email }) => {
      if (!(await this.store.beginEnrolment(id, this.encryptor.encrypt(secret.toString('base64'), getFactorKey(id))))) {
        throw new ProblemException(
          'CONFLICT',
          'A second factor is already active. Disable it before you set up another.',
        );
      }
      return { secret: encodeBase32(secret), uri: createOtpauthUri(this.settings.issuer, email, secret) };
    });
  }

  /**
   * Activates the second factor and ends the other sessions, because they were created without it.
   *
   * @throws ProblemException `VALIDATION_FAILED` for a wrong code, `CONFLICT` if there is no enrolment to confirm
   */
  async confirmEnrolment(principal: Principal, code: string): Promise<RecoveryCodesView> {
    const recoveryCodes = generateRecoveryCodes();
    const isConfirmed = await this.countFailures(principal.id, () =>
      this.accounts.runAs(principal, async (user) => {
        const factor = await this.store.find(user.id);
        if (!factor || factor.confirmedAt) throw new ProblemException('CONFLICT', 'There is no enrolment to confirm.');
        if (!(await this.consumeTotp(user.id, factor, code))) return undefined;
        await this.store.confirmEnrolment(user.id, recoveryCodes.map(hashRecoveryCode));
        await this.sessions.revokeAll(user.id, principal.sessionId);
        await this.auditAndNotify(user, 'auth.mfa_enabled', 'A second factor was set up');
        return true;
      }),
    );
    if (isConfirmed === undefined) throw createWrongCodeProblem();
    return { recoveryCodes };
  }

  /** Replaces the recovery codes. The old codes become invalid. @throws ProblemException `VALIDATION_FAILED` */
  async renewRecoveryCodes(principal: Principal, code: string): Promise<RecoveryCodesView> {
    const recoveryCodes = generateRecoveryCodes();
    const isRenewed = await this.countFailures(principal.id, () =>
      this.accounts.runAs(principal, async (user) => {
        if (!(await this.consumeCode(user, code))) return undefined;
        await this.store.replaceRecoveryCodes(user.id, recoveryCodes.map(hashRecoveryCode));
        await this.auditAndNotify(user, 'auth.recovery_codes_renewed', 'New recovery codes were created');
        return true;
      }),
    );
    if (isRenewed === undefined) throw createWrongCodeProblem();
    return { recoveryCodes };
  }

  /**
   * @param verifiedUser the account whose password the caller has just confirmed
   * @throws ProblemException `VALIDATION_FAILED` for a wrong code
   */
  async disable(principal: Principal, verifiedUser: UserWithPassword, code: string): Promise<void> {
    const isDisabled = await this.countFailures(principal.id, () =>
      this.accounts.runAs(principal, async (user) => {
        await this.accounts.assertUnchanged(verifiedUser);
        if (!(await this.consumeCode(user, code))) return undefined;
        await this.remove(user);
        return true;
      }),
    );
    if (isDisabled === undefined) throw createWrongCodeProblem();
  }

  /** Removes the factor without a code. The caller must hold the account's lock. @throws ProblemException `NOT_FOUND` */
  async remove(user: UserRecord): Promise<void> {
    if (!(await this.store.remove(user.id))) throw new ProblemException('NOT_FOUND', 'There is no second factor.');
    // A login that waits for its second step can no longer complete it.
    await this.tokens.revokeAll(user.id, 'second-factor');
    await this.auditAndNotify(user, 'auth.mfa_disabled', 'The second factor was removed');
  }

  /** Deletes the second factor of a deleted user. The caller must hold the account's lock. */
  async deleteOfUser(userId: string): Promise<void> {
    await this.store.remove(userId);
  }

  /**
   * Runs `work` if the code is correct. It may be a code of the app or a recovery code. The code is consumed in the same
   * transaction, under the account's lock. If `work` throws, the code stays valid.
   *
   * @param device id of the device, if it has logged in to the account before
   * @returns undefined if the code is wrong or was already used
   * @throws ProblemException `RATE_LIMITED`
   */
  runWithCode<T extends object>(
    userId: string,
    code: string,
    work: (user: UserRecord, methods: readonly AuthenticationMethod[]) => Promise<T>,
    device?: string,
  ): Promise<T | undefined> {
    const attempt = () =>
      this.accounts.run(userId, async (user) => {
        const methods = await this.consumeCode(user, code);
        return methods && work(user, methods);
      });
    return this.countFailures(userId, attempt, device);
  }

  private async consumeCode(user: UserRecord, code: string): Promise<readonly AuthenticationMethod[] | undefined> {
    const factor = await this.store.find(user.id);
    if (!factor?.confirmedAt) return undefined;
    if (TOTP_CODE.test(code)) {
      return (await this.consumeTotp(user.id, factor, code)) ? (['pwd', 'otp', 'mfa'] as const) : undefined;
    }
    if (!(await this.store.consumeRecoveryCode(user.id, hashRecoveryCode(code)))) return undefined;
    const left = await this.store.countRecoveryCodes(user.id);
    await this.auditAndNotify(user, 'auth.recovery_code_used', 'A recovery code was used', `${left} codes are left.`);
    return ['pwd', 'mfa'] as const;
  }

  private async consumeTotp(userId: string, factor: SecondFactor, code: string): Promise<boolean> {
    let secret: Buffer;
    try {
      secret = Buffer.from(this.encryptor.decrypt(factor.encryptedSecret, getFactorKey(userId)), 'base64');
    } catch (error) {
      // Recovery codes still work, so a lost key does not lock users out.
      this.logger.error({
        err: error,
        user: userId,
        msg: 'a second factor cannot be decrypted, so its codes are refused. Recovery codes still work',
      });
      return false;
    }
    const step = findMatchingStep(secret, code, Date.now());
    return step !== undefined && (await this.store.consumeStep(userId, step));
  }

  /** Counts wrong codes for the account and the address, separately from wrong passwords. */
  private async countFailures<T>(
    userId: string,
    attempt: () => Promise<T | undefined>,
    device = getSessionDevice(),
  ): Promise<T | undefined> {
    const result = await this.failures.countFailure({ account: getFactorKey(userId), device }, attempt);
    if (result === undefined) this.audit.record({ action: 'auth.mfa_failed', outcome: 'failure', actorId: userId });
    return result;
  }

  /** Sends a mail to the owner in the transaction of the change, and records the audit event after the commit. */
  private async auditAndNotify(
    { id, email }: UserRecord,
    action: AuditAction,
    subject: string,
    text = '',
  ): Promise<void> {
    await this.mails.notify(email, subject, `${text} If this was not you, change your password at once.`.trim());
    await afterCommit(() => this.audit.record({ action, outcome: 'success', actorId: id, target: `user:${id}` }));
  }
}

function getFactorKey(userId: string): string {
  return `second-factor:${userId}`;
}

function isActive(factor: SecondFactor | undefined): boolean {
  return factor !== undefined && factor.confirmedAt !== null;
}

/** @internal */
export function createWrongCodeProblem(): ProblemException {
  return new ProblemException(
    'VALIDATION_FAILED',
    'The code is missing, wrong or already used. Wait for the next code.',
    {
      errors: [{ path: 'code', code: 'codeWrong', message: 'code is missing, wrong or already used' }],
    },
  );
}
