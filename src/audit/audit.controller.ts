import { Readable } from 'node:stream';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Query,
  StreamableFile,
  UseGuards,
  VERSION_NEUTRAL,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { Management, ProblemException, type AdapterRequest } from '../common/index.js';
import { AUDIT_SETTINGS, type AuditSettings } from './audit.options.js';
import { exportQuery, pageQuery, parsedQuery } from './audit.query.js';
import { AuditReader, type AuditFilter, type AuditPage } from './audit.reader.js';
import { AuditService } from './audit.service.js';
import { EXPORT_FORMATS, type ExportFormat } from './export-format.js';
import { AuditVerifier } from './integrity/audit.verifier.js';
import type { Verification } from './integrity/verification.js';

/** Closes routes to all but one role. It asks the principal itself, so that it holds whichever module authenticates. */
@Injectable()
class AuditRouteGuard implements CanActivate {
  constructor(
    @Inject(AUDIT_SETTINGS) private readonly settings: AuditSettings,
    private readonly audit: AuditService,
  ) {}

  canActivate(context: ExecutionContext): boolean {
    const { adminRole } = this.settings;
    const { user } = context.switchToHttp().getRequest<AdapterRequest>();
    if (user?.roles.includes(adminRole)) return true;
    this.audit.record({ action: 'access.denied', outcome: 'denied', metadata: { required: [adminRole] } });
    throw new ProblemException('ACCESS_DENIED', `This needs the role ${adminRole}.`);
  }
}

/** What was recorded, for those who may know. That they have looked is recorded as well. */
@Management()
@Controller({ path: 'audit', version: ['1', VERSION_NEUTRAL] })
@UseGuards(AuditRouteGuard)
export class AuditController {
  constructor(
    private readonly reader: AuditReader,
    private readonly verifier: AuditVerifier,
    private readonly audit: AuditService,
  ) {}

  /** A page of events, newest first. */
  @Get('events')
  async events(@Query() query: Record<string, unknown>): Promise<AuditPage> {
    const { limit, after, ...filter } = parsedQuery(pageQuery, query);
    this.audit.record({ action: 'audit.read', outcome: 'success', metadata: { ...filter } });
    return this.reader.page(filter, limit, after);
  }

  /** All events that the filters name, newest first, as a file. */
  @Get('events/export')
  export(@Query() query: Record<string, unknown>): StreamableFile {
    const { format, ...filter } = parsedQuery(exportQuery, query);
    this.audit.record({ action: 'audit.export', outcome: 'success', metadata: { format, ...filter } });
    const to: ExportFormat = EXPORT_FORMATS[format];
    return new StreamableFile(Readable.from(this.lines(filter, to)), {
      type: to.mediaType,
      disposition: `attachment; filename="audit-events.${format}"`,
    });
  }

  /** Recomputes the chains, and names the first event that is not what was sealed. */
  @Get('verify')
  verify(): Promise<Verification> {
    return this.verifier.verify();
  }

  private async *lines(filter: AuditFilter, { head, line }: ExportFormat): AsyncGenerator<string> {
    if (head !== '') yield head;
    for await (const events of this.reader.all(filter)) yield events.map((event) => line(event)).join('');
  }
}
