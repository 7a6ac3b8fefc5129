import { Injectable, Optional } from '@nestjs/common';
import { AuditTrail, FailureThrottle, NoAuditTrail, NoFailureThrottle } from '../../ports/index.js';
import { ProblemException } from '../../problem/index.js';
import { UsersService, type UserWithPassword } from '../../users/index.js';
import { getSessionDevice } from '../cookies/device-cookie.js';
import { PasswordService } from '../passwords/password.service.js';

/** Checks the password of a logged-in user again, because a copied access token must not be sufficient. */
@Injectable()
export class ReauthenticationService {
  constructor(
    private readonly users: UsersService,
    private readonly passwords: PasswordService,
    @Optional() private readonly audit: AuditTrail = new NoAuditTrail(),
    @Optional() private readonly failures: FailureThrottle = new NoFailureThrottle(),
  ) {}

  /** Returns the user if the password is correct. @throws ProblemException `VALIDATION_FAILED`, `RATE_LIMITED` */
  async verifyPassword(userId: string, password: string): Promise<UserWithPassword> {
    const { email } = await this.users.get(userId);
    const user = await this.failures.countFailure({ account: email, device: getSessionDevice() }, async () => {
      const found = await this.users.findForLogin(email);
      return found && (await this.passwords.verify(password, found.passwordHash)) ? found : undefined;
    });
    if (user) return user;
    this.audit.record({ action: 'auth.reauthentication_failed', outcome: 'failure', actorId: userId });
    throw new ProblemException('VALIDATION_FAILED', 'The current password is wrong.', {
      errors: [{ path: 'currentPassword', code: 'passwordWrong', message: 'currentPassword is wrong' }],
    });
  }
}
