import { BadRequestException, Injectable, type PipeTransform } from '@nestjs/common';
import { normalizeUserId, UserStore } from '../users/index.js';

/** The id of a user in a URL. What cannot be an id is refused before it reaches the database. */
@Injectable()
export class ParseUserIdPipe implements PipeTransform<string, string> {
  constructor(private readonly users: UserStore) {}

  transform(id: string): string {
    if (this.users.isValidId(id)) return normalizeUserId(id);
    throw new BadRequestException('Validation failed (the id of a user is expected)');
  }
}
