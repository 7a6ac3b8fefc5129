import { createRequire } from 'node:module';
import { Injectable, NotFoundException, type INestApplication, type Type } from '@nestjs/common';
import { MetadataScanner, ModulesContainer, Reflector } from '@nestjs/core';
import {
  ApiProperty,
  DocumentBuilder,
  SwaggerModule,
  type ApiPropertyOptions,
  type OpenAPIObject,
} from '@nestjs/swagger';
import { getMetadataStorage } from 'class-validator';
import { PUBLIC_ROUTE, hasRouteFlag } from './guards/index.js';

/**
 * The OpenAPI document, made when it is first asked for. DocsController serves it: the routes that SwaggerModule would
 * register itself are reached past the guards, so that neither address lists nor limits hold for them.
 */
@Injectable()
export class ApiDocument {
  private app: INestApplication | undefined;
  private jsonText: string | undefined;
  private yamlText: string | undefined;

  /** Names the application to describe, which dependency injection does not know. */
  describe(app: INestApplication): void {
    this.app = app;
  }

  /** @throws NotFoundException in an application that named nothing to describe */
  json(): string {
    this.jsonText ??= JSON.stringify(this.build());
    return this.jsonText;
  }

  /** @throws NotFoundException in an application that named nothing to describe */
  yaml(): string {
    // A dependency of @nestjs/swagger, found where that finds it.
    const requireOfSwagger = createRequire(import.meta.resolve('@nestjs/swagger'));
    const { dump } = requireOfSwagger('js-yaml') as { dump: (value: unknown, options: object) => string };
    this.yamlText ??= dump(JSON.parse(this.json()), { lineWidth: -1 });
    return this.yamlText;
  }

  private build(): OpenAPIObject {
    if (!this.app) throw new NotFoundException();
    describeValidatedClasses();
    const frame = new DocumentBuilder().setTitle('nest-bulwark').setVersion('1').addBearerAuth();
    const document = SwaggerModule.createDocument(this.app, frame.addSecurityRequirements('bearer').build());
    return withOpenRoutes(document, publicOperations(this.app));
  }
}

const operationOf = (controller: string, method: string) => `${controller}_${method}`;

/** Operations of the routes that are marked as public; every other one needs a token. */
function publicOperations(app: INestApplication): Set<string> {
  const reflector = app.get(Reflector);
  const scanner = new MetadataScanner();
  const operations = new Set<string>();
  for (const { controllers } of app.get(ModulesContainer).values()) {
    for (const { metatype } of controllers.values()) {
      const controller = metatype as Type;
      const prototype = controller.prototype as Record<string, object>;
      for (const method of scanner.getAllMethodNames(prototype)) {
        const isPublic = hasRouteFlag(reflector, PUBLIC_ROUTE, prototype[method] as object, controller);
        if (isPublic) operations.add(operationOf(controller.name, method));
      }
    }
  }
  return operations;
}

/** An empty list of requirements is how OpenAPI says that a route asks for none (3.1, section 4.8.10). */
function withOpenRoutes(document: OpenAPIObject, open: ReadonlySet<string>): OpenAPIObject {
  for (const path of Object.values(document.paths)) {
    for (const operation of [path.get, path.post, path.put, path.patch, path.delete]) {
      // Swagger adds the number of an alias, as in `live[1]`, and the version.
      const [name = ''] = (operation?.operationId ?? '').split(/\[|_v/);
      if (operation && open.has(name)) operation.security = [];
    }
  }
  return document;
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
