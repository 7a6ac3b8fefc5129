import { Injectable } from '@nestjs/common';
import { judge, type CheckFinding } from '../../reports/index.js';
import { SelfClient } from '../self-client.js';
import { SelfTest, type SelfTestCheck } from '../self-test.js';

@Injectable()
@SelfTest()
export class VersioningCheck implements SelfTestCheck {
  readonly name = 'versioning.uri';
  readonly title = 'Routes answer under their version, and unknown versions do not';
  readonly reference = 'Nest: URI versioning';

  constructor(private readonly client: SelfClient) {}

  async run(): Promise<CheckFinding> {
    const from = this.client.ownAddress();
    const get = (path: string) => this.client.send(path, { from });
    const [plain, versioned, unknown] = [
      await get('/auth/profile'),
      await get('/v1/auth/profile'),
      await get('/v99/auth/profile'),
    ];
    return judge(
      [
        { what: '/v1 answers as without a version', met: versioned.status === plain.status, seen: versioned.status },
        { what: 'the route is there', met: plain.status !== 404, seen: plain.status },
        { what: '/v99 is not found', met: unknown.status === 404, seen: unknown.status },
      ],
      'Call enableVersioning({ type: VersioningType.URI, defaultVersion: "1" }), as createApp() does.',
    );
  }
}
