import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';

/** The page and what it loads. */
export const DOCS_PATHS = /^\/docs(?:\/|$)/i;

/** Serves the OpenAPI document at `/docs/openapi.json` and a page for it at `/docs`. */
export function setUpDocs(app: INestApplication): void {
  const document = () =>
    SwaggerModule.createDocument(
      app,
      new DocumentBuilder().setTitle('nest-bulwark').setVersion('1').addBearerAuth().build(),
    );
  SwaggerModule.setup('docs', app, document, {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
  });
}
