import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import passport, { type StrategyCreatedStatic } from 'passport';
import { PrincipalResolver, type Principal } from '../../common/index.js';

/**
 * The same authentication for what is built on passport: routes of an application that carry
 * `@UseGuards(AuthGuard('bulwark-jwt'))`, and `passport.authenticate('bulwark-jwt')` outside Nest. The suite's own guard
 * does without it: passport finds strategies in a registry of the whole process, and answers through callbacks.
 */
@Injectable()
export class JwtStrategy extends PassportStrategy(passport.Strategy, 'bulwark-jwt') {
  constructor(private readonly principals: PrincipalResolver) {
    super();
  }

  override authenticate(request: unknown): void {
    // passport calls this on a copy, to which it has given the three ways out.
    const run = this as unknown as StrategyCreatedStatic;
    this.principals.resolve(request).then(
      (principal) => (principal ? run.success(principal) : run.fail('Bearer realm="api"', 401)),
      (error: unknown) => run.error(error),
    );
  }

  /** Asked for by `PassportStrategy`, for strategies that check less by themselves. */
  validate(principal: Principal): Principal {
    return principal;
  }
}
