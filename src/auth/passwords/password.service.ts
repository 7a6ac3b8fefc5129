import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { availableParallelism } from 'node:os';
import { Inject, Injectable } from '@nestjs/common';
import { compare, getRounds, hash } from 'bcrypt';
import { ProblemException } from '../../common/index.js';
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

  constructor(@Inject(AUTH_SETTINGS) private readonly settings: AuthSettings) {
    if (settings.pepper !== undefined) this.pepper = createSecretKey(Buffer.from(settings.pepper));
    this.queue = new WorkQueue(settings.hashConcurrency ?? DEFAULT_CONCURRENCY, settings.maxWaitingHashes);
  }

  /**
   * Refuses a new password that could not be taken whole, or that is easily guessed.
   *
   * @throws ProblemException `VALIDATION_FAILED`
   */
  assertUsable(password: string, { path = 'password', ...context }: PasswordContext & { path?: string }): void {
    const profile = this.settings.passwordProfile;
    const problem =
      this.encoded(password) === undefined
        ? { code: 'passwordEncoding', message: this.encodingRule }
        : passwordWeakness(password, profile, { appName: this.settings.issuer, ...context });
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
