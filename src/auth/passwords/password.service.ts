import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { compare, getRounds, hash } from 'bcrypt';
import { Metrics, NoMetrics, type Counter, type MetricFamily } from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { findPasswordWeakness, type PasswordContext } from './password-policy.js';
import { WorkQueue } from './work-queue.js';

/** bcrypt ignores further bytes, so a longer password would match with any other ending. */
const MAX_BYTES = 72;
/** Marks hashes of passwords with pepper. Hashes without it stay valid until the next login renews them. */
const PEPPER_PREFIX = '{hmac-sha384}';
/** Size of the libuv thread pool, which is also used for files, DNS and zlib. */
const LIBUV_THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
/** Leaves one thread and one core for other work. */
const DEFAULT_CONCURRENCY = Math.max(1, Math.min(LIBUV_THREADS, availableParallelism()) - 1);

@Injectable()
export class PasswordService {
  private readonly pepper: KeyObject | undefined;
  private readonly queue: WorkQueue;
  /** Compared with the password if the account is unknown. Created at the first use. */
  private dummyHash: Promise<string> | undefined;

  private readonly breachChecks: MetricFamily<Counter>;
  private readonly logger = new Logger('Auth');

  constructor(
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.breachChecks = metrics.counter({
      name: 'auth_breached_password_checks_total',
      help: 'Checks of new passwords against known leaks, by result: clean, breached, failed',
      labelNames: ['result'],
    });
    if (settings.pepper !== undefined) this.pepper = createSecretKey(Buffer.from(settings.pepper));
    this.queue = new WorkQueue(settings.hashConcurrency ?? DEFAULT_CONCURRENCY, settings.maxWaitingHashes);
  }

  /**
   * Refuses a new password that cannot be hashed completely or is easy to guess.
   *
   * @throws ProblemException `VALIDATION_FAILED`
   */
  async assertUsable(
    password: string,
    { path = 'password', ...context }: PasswordContext & { path?: string },
  ): Promise<void> {
    const profile = this.settings.passwordProfile;
    const problem =
      this.encode(password) === undefined
        ? { code: 'passwordEncoding', message: this.encodingMessage }
        : (findPasswordWeakness(password, profile, { appName: this.settings.issuer, ...context }) ??
          (await this.findBreach(password)));
    if (!problem) return;
    throw new ProblemException('VALIDATION_FAILED', 'The password is not allowed.', { errors: [{ path, ...problem }] });
  }

  /** @throws ProblemException `VALIDATION_FAILED`; `SERVICE_UNAVAILABLE` if too many passwords wait for hashing */
  hash(password: string): Promise<string> {
    const encoded = this.encode(password);
    if (encoded === undefined) {
      throw new ProblemException('VALIDATION_FAILED', 'The password is not allowed.', {
        errors: [{ path: 'password', code: 'passwordEncoding', message: this.encodingMessage }],
      });
    }
    const prefix = this.pepper ? PEPPER_PREFIX : '';
    return this.queue.run(async () => prefix + (await hash(encoded, this.settings.bcryptCost)));
  }

  /**
   * Takes the same time for an unknown account (`undefined`) as for a known one.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` if too many passwords wait for hashing
   */
  verify(password: string, passwordHash: string | undefined): Promise<boolean> {
    return this.queue.run(async () => {
      this.dummyHash ??= hash('no account has this password', this.settings.bcryptCost);
      const isPeppered = passwordHash?.startsWith(PEPPER_PREFIX) ?? this.pepper !== undefined;
      const encoded = isPeppered ? this.encodeWithPepper(password) : encodeWithoutPepper(password);
      const matches = await compare(encoded ?? '', passwordHash?.replace(PEPPER_PREFIX, '') ?? (await this.dummyHash));
      return matches && encoded !== undefined && passwordHash !== undefined;
    });
  }

  /** Whether the hash has a lower cost than configured or no pepper, so that the next login should renew it. */
  isOutdated(passwordHash: string): boolean {
    const isPeppered = passwordHash.startsWith(PEPPER_PREFIX);
    const hasLowerCost = getRounds(passwordHash.replace(PEPPER_PREFIX, '')) < this.settings.bcryptCost;
    return hasLowerCost || isPeppered !== (this.pepper !== undefined);
  }

  /** If the check fails, the password is accepted: an outage of the service must not block users. */
  private async findBreach(password: string): Promise<{ code: string; message: string } | undefined> {
    const { breachedPasswords } = this.settings;
    if (!breachedPasswords) return undefined;
    const count = await breachedPasswords.countBreaches(password).catch((error: unknown) => {
      this.logger.warn({
        err: error,
        msg: 'a new password could not be checked against known leaks, and was accepted',
      });
      return undefined;
    });
    const result = count === undefined ? 'failed' : count > 0 ? 'breached' : 'clean';
    this.breachChecks.labels({ result }).add();
    if (result !== 'breached') return undefined;
    return { code: 'passwordBreached', message: 'password is in a known leak; choose another' };
  }

  private get encodingMessage(): string {
    const rule = 'password must be well-formed Unicode without NUL';
    return this.pepper ? rule : `${rule}, of at most ${MAX_BYTES} bytes in UTF-8`;
  }

  private encode(password: string): string | undefined {
    return this.pepper ? this.encodeWithPepper(password) : encodeWithoutPepper(password);
  }

  /** The result always has 64 characters (OWASP Password Storage Cheat Sheet, pre-hashing with bcrypt). */
  private encodeWithPepper(password: string): string | undefined {
    const normalized = normalize(password);
    if (normalized === undefined || this.pepper === undefined) return undefined;
    return createHmac('sha384', this.pepper).update(normalized).digest('base64');
  }
}

function encodeWithoutPepper(password: string): string | undefined {
  const normalized = normalize(password);
  return normalized !== undefined && Buffer.byteLength(normalized) <= MAX_BYTES ? normalized : undefined;
}

/** Normalizes equal characters (NIST SP 800-63B-4, section 3.1.1.2). Returns undefined for malformed text. */
function normalize(password: string): string | undefined {
  // All lone surrogates become U+FFFD in UTF-8, so different passwords would match.
  return password.isWellFormed() && !password.includes('\0') ? password.normalize('NFKC') : undefined;
}
