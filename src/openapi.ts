import type { INestApplication } from '@nestjs/common';
import { ApiProperty, DocumentBuilder, SwaggerModule, type ApiPropertyOptions } from '@nestjs/swagger';
import { getMetadataStorage } from 'class-validator';

/** Serves the OpenAPI document at `/docs/openapi.json` and `/docs/openapi.yaml`; DocsController has the page. */
export function setUpDocs(app: INestApplication): void {
  const document = () => {
    describeValidatedClasses();
    return SwaggerModule.createDocument(
      app,
      new DocumentBuilder().setTitle('nest-bulwark').setVersion('1').addBearerAuth().build(),
    );
  };
  SwaggerModule.setup('docs', app, document, {
    ui: false,
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
  });
}

/** What class-validator keeps of one decorator; its types do not export it. */
interface Rule {
  readonly target: { readonly prototype: object };
  readonly propertyName: string;
  readonly type: string;
  readonly name?: string;
  readonly constraints?: readonly unknown[];
}

/**
 * Tells Swagger what the decorators of class-validator say already, so that a property is described once. The modules
 * themselves stay without a dependency on Swagger.
 */
function describeValidatedClasses(): void {
  const storage = getMetadataStorage() as unknown as { validationMetadatas: Map<unknown, Rule[]> };
  for (const rules of storage.validationMetadatas.values()) {
    for (const { target, propertyName } of rules) {
      const ofProperty = rules.filter((rule) => rule.propertyName === propertyName);
      ApiProperty(optionsOf(ofProperty))(target.prototype, propertyName);
    }
  }
}

function optionsOf(rules: readonly Rule[]): ApiPropertyOptions {
  const has = (name: string) => rules.some((rule) => (rule.name ?? rule.type) === name);
  const [minLength, maxLength] = rules.find(({ name }) => name === 'isLength')?.constraints ?? [];
  return {
    required: !has('conditionalValidation') && !has('isOptional'),
    ...(has('isEmail') && { format: 'email' }),
    ...(typeof minLength === 'number' && { minLength }),
    ...(typeof maxLength === 'number' && { maxLength }),
  };
}
