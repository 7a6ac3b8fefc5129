import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Controller, Get, Header, NotFoundException, Param, StreamableFile, VERSION_NEUTRAL } from '@nestjs/common';
import { ApiExcludeController } from '@nestjs/swagger';
import { Public } from './common/index.js';
import { CspNonce, Page } from './security/index.js';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** Swagger UI comes with @nestjs/swagger, and lies wherever that finds it. */
function readAssets(): ReadonlyMap<string, Buffer> {
  const { resolve } = createRequire(import.meta.resolve('@nestjs/swagger'));
  const folder = join(resolve('swagger-ui-dist/package.json'), '..');
  return new Map(Object.keys(MEDIA_TYPES).map((name) => [name, readFileSync(join(folder, name))]));
}

/**
 * The page for the OpenAPI document. The page that @nestjs/swagger itself serves needs styles from anywhere to be
 * allowed on it; this one names a nonce.
 */
@ApiExcludeController()
@Public()
@Controller({ path: 'docs', version: VERSION_NEUTRAL })
export class DocsController {
  private readonly assets = readAssets();

  @Get()
  @Page()
  page(
    @CspNonce({ 'style-src': ["'self'"], 'img-src': ["'self'", 'data:'], 'connect-src': ["'self'"] }) nonce: string,
  ): string {
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>nest-bulwark API</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script nonce="${nonce}" src="/docs/swagger-ui-bundle.js"></script>
<script nonce="${nonce}">SwaggerUIBundle({ url: '/docs/openapi.json', dom_id: '#swagger-ui' });</script>
</body>
</html>
`;
  }

  @Get(':file')
  @Header('Cache-Control', 'public, max-age=3600')
  asset(@Param('file') name: string): StreamableFile {
    const content = this.assets.get(name);
    if (!content) throw new NotFoundException();
    return new StreamableFile(content, { type: MEDIA_TYPES[name], length: content.length });
  }
}
