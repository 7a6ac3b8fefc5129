import { applyDecorators } from '@nestjs/common';
import { parseByteSize } from '../config/index.js';
import { ThrottleTier } from '../ports/index.js';
import { ProblemException } from '../problem/index.js';
import { AcceptBody } from './accept-body.js';
import { BodyLimit, type BodyLimitOptions } from './body-limit.js';
import { findBodyKind, parseMediaRange } from './media-types.js';

/** @publicApi */
export interface UploadOptions extends BodyLimitOptions {
  /** Rate limit of the route. @default 'upload' */
  tier?: string;
}

/**
 * Marks a route that receives files: `@AcceptBody('multipart/form-data')`, `@BodyLimit(size)` and `@ThrottleTier('upload')`.
 * The interceptor that reads the files is that of the adapter.
 *
 * @param size maximum size of the whole body, such as `50mb`
 * @publicApi
 */
export function Upload(size: string, { tier = 'upload', ...options }: UploadOptions = {}): MethodDecorator {
  return applyDecorators(AcceptBody('multipart/form-data'), BodyLimit(size, options), ThrottleTier(tier));
}

/** @publicApi */
export interface FileRules {
  /** Maximum number of files. @default 1 */
  maxFiles?: number;
  /** Maximum size of each file, such as `5mb`. @default the limit of the body */
  maxFileSize?: string;
  /** Media types that a file may declare, such as `image/*`. @default all */
  types?: readonly string[];
}

/** The options of `FileInterceptor()` that both adapters share. @publicApi */
export interface FileInterceptorOptions {
  limits: { files: number; fileSize: number };
  fileFilter(
    request: unknown,
    file: { mimetype: string },
    callback: (error: Error | null, isAccepted: boolean) => void,
  ): void;
}

/**
 * Creates options for the file interceptors of both adapters. The type is the one that the client declares. To look at the
 * content, use Nest's `ParseFilePipe` with `FileTypeValidator`.
 *
 * @throws RangeError if a size or a type is invalid
 * @publicApi
 */
export function createFileOptions({ maxFiles = 1, maxFileSize, types }: FileRules): FileInterceptorOptions {
  const accepted = (types ?? ['*/*']).map(parseMediaRange);
  return {
    limits: { files: maxFiles, fileSize: maxFileSize === undefined ? Infinity : parseByteSize(maxFileSize) },
    fileFilter: (_request, { mimetype }, callback) => {
      if (findBodyKind(mimetype, accepted) !== undefined) return callback(null, true);
      const detail = `Send files of the types ${accepted.map(({ range }) => range).join(', ')}.`;
      callback(new ProblemException('UNSUPPORTED_MEDIA_TYPE', detail), false);
    },
  };
}
