import { createRequire } from 'node:module';
import { Inject, Injectable, NotFoundException, type INestApplication, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import type { ApiPropertyOptions, OpenAPIObject } from '@nestjs/swagger';
import { getMetadataStorage } from 'class-validator';
import { packageRequire } from './common/index.js';
import { PUBLIC_ROUTE, hasRouteFlag } from './guards/index.js';

/** @publicApi */
export interface DocsModuleOptions {
  /** Title of the OpenAPI document and of its page. @default 'nest-bulwark' */
  title?: string;
  description?: string;
  /** Version of the API. @default '1' */
  version?: string;
}

export const DOCS_OPTIONS = Symbol('bulwark.docsOptions');
export const DEFAULT_TITLE = 'nest-bulwark';

/**
 * The OpenAPI document. It is created at the first request. DocsController serves it, because guards do not run on the
 * routes that SwaggerModule registers, so that address lists and rate limits would not apply.
 */
@Injectable()
export class ApiDocument {
  private readonly excluded: Type[] = [];
  private app: INestApplication | undefined;
  private jsonText: Promise<string> | undefined;
  private yamlText: string | undefined;

  constructor(@Inject(DOCS_OPTIONS) readonly options: DocsModuleOptions) {}

  /** Sets the application to describe. It cannot be injected. */
  describe(app: INestApplication): void {
    this.app = app;
  }

  /** Leaves out the routes of a controller. */
  exclude(controller: Type): void {
    this.excluded.push(controller);
  }

  /** @throws NotFoundException in an application that named nothing to describe */
  async json(): Promise<string> {
    if (!this.app) throw new NotFoundException();
    return (this.jsonText ??= buildDocument(this.app, this.options, this.excluded).then((document) =>
      JSON.stringify(document),
    ));
  }

  /** @throws NotFoundException in an application that named nothing to describe */
  async yaml(): Promise<string> {
    const json = await this.json();
    return (this.yamlText ??= toYaml(json));
  }
}

async function buildDocument(
  app: INestApplication,
  { title = DEFAULT_TITLE, description = '', version = '1' }: DocsModuleOptions,
  excluded: readonly Type[],
): Promise<OpenAPIObject> {
  // Loaded at the first request, because it takes a seventh of the time of a start.
  const { ApiExcludeController, ApiProperty, DocumentBuilder, SwaggerModule } = await import('@nestjs/swagger');
  for (const controller of excluded) ApiExcludeController()(controller);
  describeValidatedClasses(ApiProperty);
  const frame = new DocumentBuilder().setTitle(title).setDescription(description).setVersion(version).addBearerAuth();
  const document = SwaggerModule.createDocument(app, frame.addSecurityRequirements('bearer').build());
  return removeSecurityOf(document, findPublicOperations(app));
}

function toYaml(json: string): string {
  // A dependency of @nestjs/swagger, found where that finds it.
  const requireOfSwagger = createRequire(packageRequire.resolve('@nestjs/swagger'));
  const { dump } = requireOfSwagger('js-yaml') as { dump: (value: unknown, options: object) => string };
  return dump(JSON.parse(json), { lineWidth: -1 });
}

const getOperationId = (controller: string, method: string) => `${controller}_${method}`;

/** Returns the operations of public routes. All other operations need a token. */
function findPublicOperations(app: INestApplication): Set<string> {
  const reflector = app.get(Reflector);
  const scanner = new MetadataScanner();
  const operations = new Set<string>();
  for (const { controllers } of app.get(ModulesContainer).values()) {
    for (const { metatype } of controllers.values()) {
      const controller = metatype as Type;
      const prototype = controller.prototype as Record<string, object>;
      for (const method of scanner.getAllMethodNames(prototype)) {
        const isPublic = hasRouteFlag(reflector, PUBLIC_ROUTE, prototype[method] as object, controller);
        if (isPublic) operations.add(getOperationId(controller.name, method));
      }
    }
  }
  return operations;
}

/** Marks operations as public. In OpenAPI, an empty list means no requirement (3.1, section 4.8.10). */
function removeSecurityOf(document: OpenAPIObject, open: ReadonlySet<string>): OpenAPIObject {
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      // Swagger adds the index of an alias, as in `live[1]`, and the version.
      const [name = ''] = (operation?.operationId ?? '').split(/\[|_v/);
      if (operation && open.has(name)) operation.security = [];
    }
  }
  return document;
}

/** Metadata of one decorator of class-validator. Its types do not export it. */
interface Rule {
  readonly target: { readonly prototype: object };
  readonly propertyName: string;
  readonly type: string;
  readonly name?: string;
  readonly constraints?: readonly unknown[];
}

/**
 * Passes the rules of class-validator's decorators to Swagger, so that each property is described only once. So the modules
 * do not depend on Swagger.
 */
function describeValidatedClasses(describe: (options: ApiPropertyOptions) => PropertyDecorator): void {
  const storage = getMetadataStorage() as unknown as { validationMetadatas: Map<unknown, Rule[]> };
  for (const rules of storage.validationMetadatas.values()) {
    for (const { target, propertyName } of rules) {
      const propertyRules = rules.filter((rule) => rule.propertyName === propertyName);
      describe(createPropertyOptions(propertyRules))(target.prototype, propertyName);
    }
  }
}

function createPropertyOptions(rules: readonly Rule[]): ApiPropertyOptions {
  const has = (name: string) => rules.some((rule) => (rule.name ?? rule.type) === name);
  const [minLength, maxLength] = rules.find(({ name }) => name === 'isLength')?.constraints ?? [];
  return {
    required: !has('conditionalValidation') && !has('isOptional'),
    ...(has('isEmail') && { format: 'email' }),
    ...(typeof minLength === 'number' && { minLength }),
    ...(typeof maxLength === 'number' && { maxLength }),
  };
}
