import { IsOptional, IsString, Length } from 'class-validator';

const MAX_CODE_LENGTH = 64;
const MAX_PASSWORD_LENGTH = 1024;

/** A code of the authenticator app, or a recovery code. @publicApi */
export class CodeDto {
  @IsString()
  @Length(6, MAX_CODE_LENGTH)
  code!: string;
}

/** @publicApi */
export class LoginCodeDto extends CodeDto {
  /** `mfaToken` of the response to the login. */
  @IsString()
  @Length(1, 200)
  mfaToken!: string;
}

export class DisableSecondFactorDto extends CodeDto {
  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  currentPassword!: string;
}

/** @publicApi */
export class StepUpDto {
  @IsString()
  @Length(1, MAX_PASSWORD_LENGTH)
  currentPassword!: string;

  /** Required if a second factor is active. */
  @IsOptional()
  @IsString()
  @Length(6, MAX_CODE_LENGTH)
  code?: string;
}

export class TotpEnrolmentView {
  /** The secret in base 32, for manual entry. */
  secret!: string;
  /** URI for a QR code. */
  uri!: string;
}

export class RecoveryCodesView {
  /** They cannot be shown again. */
  recoveryCodes!: string[];
}

export class SecondFactorView {
  enabled!: boolean;
  enabledAt!: Date | null;
  recoveryCodesLeft!: number;
}

/** A new access token for the same session. @publicApi */
export class AccessTokenView {
  accessToken!: string;
  tokenType!: 'Bearer';
  /** Lifetime of the access token, in seconds. */
  expiresIn!: number;
}
