import { IsEmail, IsOptional, IsString, Length, Matches, MaxLength } from 'class-validator';
import type { UserRecord } from '../users/index.js';

export const EMAIL_MAXIMUM = 254;
export const NO_CONTROL_CHARACTERS = /^\P{Cc}*$/u;

export class LoginDto {
  @IsEmail()
  @MaxLength(EMAIL_MAXIMUM)
  email!: string;

  @IsString()
  @Length(1, 1024)
  password!: string;
}

export class RegisterDto {
  @IsEmail()
  @MaxLength(EMAIL_MAXIMUM)
  email!: string;

  @IsString()
  @Length(8, 1024)
  password!: string;

  @IsString()
  @Length(1, 100)
  @Matches(NO_CONTROL_CHARACTERS, { message: 'name must not contain control characters' })
  name!: string;
}

export class RefreshDto {
  /** Missing where it comes in a cookie. */
  @IsOptional()
  @IsString()
  @Length(1, 200)
  refreshToken?: string;
}

/** What clients see of a user. */
export class UserView {
  id!: string;
  email!: string;
  name!: string;
  roles!: string[];
  createdAt!: Date;
}

/** Answer to registration, login and refresh, named as in RFC 6749, section 5.1, in camel case. */
export class TokenView {
  accessToken!: string;
  refreshToken!: string;
  tokenType!: 'Bearer';
  /** Life of the access token, in seconds. */
  expiresIn!: number;
  user!: UserView;
}

export function viewOf({ id, email, name, roles, createdAt }: UserRecord): UserView {
  return { id, email, name, roles, createdAt };
}
