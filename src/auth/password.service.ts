import { Inject, Injectable } from '@nestjs/common';
import { compare, hash } from 'bcrypt';
import { ProblemException } from '../common/index.js';
import { AUTH_SETTINGS, type AuthSettings } from './auth.options.js';

/** bcrypt reads no further; a longer password would be accepted with any other ending. */
const MAXIMUM_BYTES = 72;

@Injectable()
export class PasswordService {
  /** Hash of no account's password, made at the first use: what unknown accounts are compared with. */
  private decoy: Promise<string> | undefined;

  constructor(@Inject(AUTH_SETTINGS) private readonly settings: AuthSettings) {}

  /** @throws ProblemException `VALIDATION_FAILED` for a password that bcrypt would not take whole */
  async hash(password: string): Promise<string> {
    const normalized = normalize(password);
    if (normalized === undefined) {
      throw new ProblemException('VALIDATION_FAILED', 'The password cannot be used.', {
        errors: [
          {
            path: 'password',
            code: 'passwordEncoding',
            message: `password must be well-formed Unicode without NUL, of at most ${MAXIMUM_BYTES} bytes in UTF-8`,
          },
        ],
      });
    }
    return hash(normalized, this.settings.bcryptCost);
  }

  /** Takes as long for an account that does not exist (`undefined`) as for one that does. */
  async verify(password: string, passwordHash: string | undefined): Promise<boolean> {
    this.decoy ??= hash('no account has this password', this.settings.bcryptCost);
    const normalized = normalize(password);
    const matches = await compare(normalized ?? '', passwordHash ?? (await this.decoy));
    return matches && normalized !== undefined && passwordHash !== undefined;
  }
}

/** One spelling for equal characters (NIST SP 800-63B-4, section 3.1.1.2); undefined where bcrypt would cut or confuse. */
function normalize(password: string): string | undefined {
  // Lone surrogates all become U+FFFD in UTF-8, so that different passwords would match.
  if (!password.isWellFormed() || password.includes('\0')) return undefined;
  const normalized = password.normalize('NFKC');
  return Buffer.byteLength(normalized) <= MAXIMUM_BYTES ? normalized : undefined;
}
