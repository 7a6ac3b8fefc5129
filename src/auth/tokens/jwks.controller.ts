import { Get, Header, Inject, VERSION_NEUTRAL } from '@nestjs/common';
import { Public } from '../../guards/index.js';
import { SIGNING_KEY, type PublicJwk, type SigningKey } from './signing-key.js';
import { SuiteController } from '../../validation/index.js';

/** The public keys of access tokens, for services that verify tokens themselves (RFC 7517). */
@SuiteController({ path: '.well-known/jwks.json', version: VERSION_NEUTRAL })
@Public()
export class JwksController {
  constructor(@Inject(SIGNING_KEY) private readonly key: SigningKey) {}

  @Get()
  @Header('Content-Type', 'application/jwk-set+json')
  @Header('Cache-Control', 'public, max-age=300')
  keys(): { keys: readonly PublicJwk[] } {
    return { keys: this.key.publicKeys };
  }
}
