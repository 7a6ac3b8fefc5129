import { Readable } from 'node:stream';
import {
  Get,
  Header,
  Headers,
  Inject,
  Injectable,
  Optional,
  Query,
  Req,
  StreamableFile,
  UseGuards,
  VERSION_NEUTRAL,
} from '@nestjs/common';
import { Management } from '../guards/index.js';
import { ExactRoleCheck, RoleCheck, RoleGuard } from '../ports/index.js';
import { PrincipalResolver, type AdapterRequest, type Principal } from '../context/index.js';
import { ProblemException } from '../problem/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { exportQuery, pageQuery, parsedQuery, streamQuery } from './audit.query.js';
import { AuditReader, type AuditFilter, type AuditPage } from './audit.reader.js';
import { AuditService } from './audit.service.js';
import { EXPORT_FORMATS, type ExportFormat } from './export-format.js';
import { AuditTail } from './feed/audit.tail.js';
import { AuditVerifier } from './integrity/audit.verifier.js';
import type { Verification } from './integrity/verification.js';
import type { AuditVisibility } from './store/audit.scope.js';
import { SuiteController } from '../validation/index.js';

@Injectable()
class AuditRouteGuard extends RoleGuard {
  constructor(
    @Inject(AUDIT_SETTINGS) { adminRole }: AuditSettings,
    audit: AuditService,
    @Optional() roles: RoleCheck = new ExactRoleCheck(),
  ) {
    super(adminRole, roles, audit);
  }
}

/**
 * Routes to read the audit trail. Each read is recorded too. A caller who acts in a tenant sees only the events of that
 * tenant, whatever the filters say.
 */
@Management()
@SuiteController({ path: 'audit', version: ['1', VERSION_NEUTRAL] })
@UseGuards(AuditRouteGuard)
export class AuditController {
  constructor(
    private readonly reader: AuditReader,
    private readonly verifier: AuditVerifier,
    private readonly audit: AuditService,
    private readonly tail: AuditTail,
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    @Optional() private readonly principals?: PrincipalResolver,
    @Optional() private readonly roles: RoleCheck = new ExactRoleCheck(),
  ) {}

  /** A page of events, newest first. */
  @Get('events')
  async events(@Req() { user }: AdapterRequest, @Query() query: Record<string, unknown>): Promise<AuditPage> {
    const { limit, after, ...filter } = parsedQuery(pageQuery, query);
    this.audit.record({ action: 'audit.read', outcome: 'success', metadata: { ...filter } });
    return this.reader.page(filter, limit, after, visibilityOf(user));
  }

  /** All events that match the filters, newest first, as a file. */
  @Get('events/export')
  export(@Req() { user }: AdapterRequest, @Query() query: Record<string, unknown>): StreamableFile {
    const { format, ...filter } = parsedQuery(exportQuery, query);
    this.audit.record({ action: 'audit.export', outcome: 'success', metadata: { format, ...filter } });
    const to: ExportFormat = EXPORT_FORMATS[format];
    return new StreamableFile(Readable.from(this.lines(filter, visibilityOf(user), to)), {
      type: to.mediaType,
      disposition: `attachment; filename="audit-events.${format}"`,
    });
  }

  /** New events of all replicas, as server-sent events. */
  @Get('events/stream')
  @Header('Cache-Control', 'no-store')
  @Header('X-Accel-Buffering', 'no')
  async stream(
    @Req() request: AdapterRequest,
    @Query() query: Record<string, unknown>,
    @Headers('last-event-id') lastEventId: string | undefined,
  ): Promise<StreamableFile> {
    const filter = parsedQuery(streamQuery, query);
    const { user } = request;
    const stream = await this.tail.open(filter, visibilityOf(user), lastEventId, () =>
      this.mayStillRead(user, request),
    );
    this.audit.record({ action: 'audit.read', outcome: 'success', metadata: { live: true, ...filter } });
    return new StreamableFile(stream, { type: 'text/event-stream; charset=utf-8' });
  }

  /** Recomputes the chains. The result names the first event that does not match its seal. */
  @Get('verify')
  verify(@Req() { user }: AdapterRequest): Promise<Verification> {
    if (visibilityOf(user) === 'all') return this.verifier.verify();
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { reason: 'acts in a tenant' } });
    throw new ProblemException(
      'ACCESS_DENIED',
      'Only a caller who acts in no tenant may verify the chains, because this reads all tenants.',
    );
  }

  private async *lines(
    filter: AuditFilter,
    visibility: AuditVisibility,
    { head, line }: ExportFormat,
  ): AsyncGenerator<string> {
    if (head !== '') yield head;
    for await (const events of this.reader.all(filter, visibility)) yield events.map((event) => line(event)).join('');
  }

  /** Whether the request still has the same caller, and whether this caller may still read the audit trail. */
  private async mayStillRead(before: Principal | undefined, request: AdapterRequest): Promise<boolean> {
    if (!this.principals) return true;
    const now = await this.principals.resolve(request);
    if (!now || now.id !== before?.id || now.tenantId !== before.tenantId) return false;
    return this.roles.hasRole(now, this.settings.adminRole);
  }
}

function visibilityOf(user: Principal | undefined): AuditVisibility {
  return user?.tenantId === undefined ? 'all' : { tenant: user.tenantId };
}
