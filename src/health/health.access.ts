import { Inject, Injectable, Optional } from '@nestjs/common';
import { isSameSecret } from '../common/index.js';
import { ExactRoleCheck, RoleCheck } from '../ports/index.js';
import { PrincipalResolver, type AdapterRequest } from '../context/index.js';
import { HEALTH_SETTINGS, type HealthSettings } from './health.options.js';

const DETAILS_ROLE = 'Admin';

/** Decides who sees details. Host names, figures and messages would help an attacker, so other callers see only states. */
@Injectable()
export class HealthAccess {
  constructor(
    @Inject(HEALTH_SETTINGS) private readonly settings: HealthSettings,
    @Optional() private readonly principals?: PrincipalResolver,
    @Optional() private readonly roles: RoleCheck = new ExactRoleCheck(),
  ) {}

  async canSeeDetails(request: AdapterRequest): Promise<boolean> {
    const { authorization } = request.headers;
    if (authorization === undefined) return false;
    const { detailsToken } = this.settings;
    if (detailsToken !== undefined && isSameSecret(authorization, `Bearer ${detailsToken}`)) return true;
    const principal = await this.principals?.resolve(request);
    return principal !== undefined && this.roles.hasRole(principal, DETAILS_ROLE);
  }
}
