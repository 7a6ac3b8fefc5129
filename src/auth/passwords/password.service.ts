import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Inject, Injectable, Logger, Optional } from '@nestjs/common';
import { compare, getRounds, hash } from 'bcrypt';
import { Metrics, NoMetrics, type Counter, type MetricFamily } from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import { AUTH_SETTINGS, type AuthSettings } from '../auth.options.js';
import { passwordWeakness, type PasswordContext } from './password-policy.js';
import { WorkQueue } from './work-queue.js';

/** bcrypt reads no further; a longer password would be accepted with any other ending. */
const MAXIMUM_BYTES = 72;
/** Marks hashes of peppered passwords, so that those from before stay good until the next login. */
const PEPPERED = '{hmac-sha384}';
/** Threads of libuv, which hashing shares with files, DNS and zlib. */
const THREADS = Number(process.env['UV_THREADPOOL_SIZE'] ?? 4);
/** One thread and one core are left to everything else. */
const DEFAULT_CONCURRENCY = Math.max(1, Math.min(THREADS, availableParallelism()) - 1);

@Injectable()
export class PasswordService {
  private readonly pepper: KeyObject | undefined;
  private readonly queue: WorkQueue;
  /** Hash of no account's password, made at the first use: what unknown accounts are compared with. */
  private decoy: Promise<string> | undefined;

  private readonly breachChecks: MetricFamily<Counter>;
  private readonly logger = new Logger('Auth');

  constructor(
    @Inject(AUTH_SETTINGS) private readonly settings: AuthSettings,
    @Optional() metrics: Metrics = new NoMetrics(),
  ) {
    this.breachChecks = metrics.counter({
      name: 'auth_breached_password_checks_total',
      help: 'New passwords that were looked up among leaked ones, by result: clean, breached, failed',
      labelNames: ['result'],
    });
    if (settings.pepper !== undefined) this.pepper = createSecretKey(Buffer.from(settings.pepper));
    this.queue = new WorkQueue(settings.hashConcurrency ?? DEFAULT_CONCURRENCY, settings.maxWaitingHashes);
  }

  /**
   * Refuses a new password that could not be taken whole, or that is easily guessed.
   *
   * @throws ProblemException `VALIDATION_FAILED`
   */
  async assertUsable(
    password: string,
    { path = 'password', ...context }: PasswordContext & { path?: string },
  ): Promise<void> {
    const profile = this.settings.passwordProfile;
    const problem =
      this.encoded(password) === undefined
        ? { code: 'passwordEncoding', message: this.encodingRule }
        : (passwordWeakness(password, profile, { appName: this.settings.issuer, ...context }) ??
          (await this.breach(password)));
    if (!problem) return;
    throw new ProblemException('VALIDATION_FAILED', 'The password cannot be used.', { errors: [{ path, ...problem }] });
  }

  /** @throws ProblemException `VALIDATION_FAILED`, or `SERVICE_UNAVAILABLE` when too many wait */
  hash(password: string): Promise<string> {
    const encoded = this.encoded(password);
    if (encoded === undefined) {
      throw new ProblemException('VALIDATION_FAILED', 'The password cannot be used.', {
        errors: [{ path: 'password', code: 'passwordEncoding', message: this.encodingRule }],
      });
    }
    const prefix = this.pepper ? PEPPERED : '';
    return this.queue.run(async () => prefix + (await hash(encoded, this.settings.bcryptCost)));
  }

  /**
   * Takes as long for an account that does not exist (`undefined`) as for one that does.
   *
   * @throws ProblemException `SERVICE_UNAVAILABLE` when too many wait
   */
  verify(password: string, passwordHash: string | undefined): Promise<boolean> {
    return this.queue.run(async () => {
      this.decoy ??= hash('no account has this password', this.settings.bcryptCost);
      const isPeppered = passwordHash?.startsWith(PEPPERED) ?? this.pepper !== undefined;
      const encoded = isPeppered ? this.peppered(password) : plain(password);
      const matches = await compare(encoded ?? '', passwordHash?.replace(PEPPERED, '') ?? (await this.decoy));
      return matches && encoded !== undefined && passwordHash !== undefined;
    });
  }

  /** Whether a hash was made at a lower cost or without the pepper, and should be made anew at the login. */
  isOutdated(passwordHash: string): boolean {
    const isPeppered = passwordHash.startsWith(PEPPERED);
    const isCheaper = getRounds(passwordHash.replace(PEPPERED, '')) < this.settings.bcryptCost;
    return isCheaper || isPeppered !== (this.pepper !== undefined);
  }

  /** A service that is away keeps nobody from choosing a password. */
  private async breach(password: string): Promise<{ code: string; message: string } | undefined> {
    const { breachedPasswords } = this.settings;
    if (!breachedPasswords) return undefined;
    const times = await breachedPasswords.timesSeen(password).catch((error: unknown) => {
      this.logger.warn({
        err: error,
        msg: 'a new password could not be looked up among leaked ones, and was accepted',
      });
      return undefined;
    });
    const result = times === undefined ? 'failed' : times > 0 ? 'breached' : 'clean';
    this.breachChecks.labels({ result }).add();
    if (result !== 'breached') return undefined;
    return { code: 'passwordBreached', message: 'password is known from a leak; choose another' };
  }

  private get encodingRule(): string {
    const rule = 'password must be well-formed Unicode without NUL';
    return this.pepper ? rule : `${rule}, of at most ${MAXIMUM_BYTES} bytes in UTF-8`;
  }

  private encoded(password: string): string | undefined {
    return this.pepper ? this.peppered(password) : plain(password);
  }

  /** Any length in 64 characters (OWASP Password Storage Cheat Sheet, pre-hashing with bcrypt). */
  private peppered(password: string): string | undefined {
    const normalized = normalize(password);
    if (normalized === undefined || this.pepper === undefined) return undefined;
    return createHmac('sha384', this.pepper).update(normalized).digest('base64');
  }
}

function plain(password: string): string | undefined {
  const normalized = normalize(password);
  return normalized !== undefined && Buffer.byteLength(normalized) <= MAXIMUM_BYTES ? normalized : undefined;
}

/** One spelling for equal characters (NIST SP 800-63B-4, section 3.1.1.2); undefined where some would be confused. */
function normalize(password: string): string | undefined {
  // Lone surrogates all become U+FFFD in UTF-8, so that different passwords would match.
  return password.isWellFormed() && !password.includes('\0') ? password.normalize('NFKC') : undefined;
}
