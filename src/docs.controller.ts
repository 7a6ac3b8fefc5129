import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { Get, Header, NotFoundException, Param, Req, StreamableFile, VERSION_NEUTRAL } from '@nestjs/common';
import { packageRequire } from './common/index.js';
import { Public } from './guards/index.js';
import { requestPath, type AdapterRequest } from './context/index.js';
import { ApiDocument, DEFAULT_TITLE } from './openapi.js';
import { CspNonce, Page } from './security/index.js';
import { SuiteController } from './validation/index.js';

const MEDIA_TYPES: Readonly<Record<string, string>> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
};

/** Reads the files of Swagger UI. It is a dependency of @nestjs/swagger, so it is resolved from there. */
function readAssets(): ReadonlyMap<string, Buffer> {
  const { resolve } = createRequire(packageRequire.resolve('@nestjs/swagger'));
  const folder = join(resolve('swagger-ui-dist/package.json'), '..');
  return new Map(Object.keys(MEDIA_TYPES).map((name) => [name, readFileSync(join(folder, name))]));
}

/**
 * Serves the OpenAPI document and its page. The page of @nestjs/swagger needs a policy that allows inline styles. This page
 * uses a nonce instead.
 */
@Public()
@SuiteController({ path: 'docs', version: VERSION_NEUTRAL })
export class DocsController {
  private readonly assets = readAssets();

  constructor(private readonly document: ApiDocument) {
    document.exclude(DocsController);
  }

  @Get()
  @Page()
  page(
    @Req() request: AdapterRequest,
    @CspNonce({ 'style-src': ["'self'"], 'img-src': ["'self'", 'data:'], 'connect-src': ["'self'"] }) nonce: string,
  ): string {
    // Relative links work with a global prefix, and behind a proxy that adds a prefix.
    const folder = requestPath(request.url).endsWith('/') ? '.' : './docs';
    return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(this.document.options.title ?? DEFAULT_TITLE)} API</title>
<link rel="icon" type="image/png" href="${folder}/favicon-32x32.png">
<link rel="stylesheet" href="${folder}/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script nonce="${nonce}" src="${folder}/swagger-ui-bundle.js"></script>
<script nonce="${nonce}">SwaggerUIBundle({ url: '${folder}/openapi.json', dom_id: '#swagger-ui' });</script>
</body>
</html>
`;
  }

  @Get('openapi.json')
  @Header('Content-Type', 'application/json; charset=utf-8')
  json(): Promise<string> {
    return this.document.json();
  }

  @Get('openapi.yaml')
  @Header('Content-Type', 'application/yaml; charset=utf-8')
  yaml(): Promise<string> {
    return this.document.yaml();
  }

  @Get(':file')
  @Header('Cache-Control', 'public, max-age=3600')
  asset(@Param('file') name: string): StreamableFile {
    const content = this.assets.get(name);
    if (!content) throw new NotFoundException();
    return new StreamableFile(content, { type: MEDIA_TYPES[name], length: content.length });
  }
}

function escapeHtml(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
