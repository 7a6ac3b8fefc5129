import { Get, Header, Inject, Res, VERSION_NEUTRAL } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { Public } from '../../guards/index.js';
import { SIGNING_KEY, type SigningKey } from './signing-key.js';
import { SuiteController } from '../../validation/index.js';

/** The public keys of access tokens, for services that verify tokens themselves (RFC 7517). */
@SuiteController({ path: '.well-known/jwks.json', version: VERSION_NEUTRAL, outsidePrefix: true })
@Public()
export class JwksController {
  constructor(
    @Inject(SIGNING_KEY) private readonly key: SigningKey,
    private readonly adapterHost: HttpAdapterHost,
  ) {}

  /** It sends the response itself, so that no interceptor of the application wraps it. */
  @Get()
  @Header('Content-Type', 'application/jwk-set+json')
  @Header('Cache-Control', 'public, max-age=300')
  keys(@Res() response: object): void {
    this.adapterHost.httpAdapter.reply(response, { keys: this.key.publicKeys }, 200);
  }
}
