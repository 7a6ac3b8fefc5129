import { IsOptional, IsString, Length } from 'class-validator';

const CODE_MAXIMUM = 64;
const PASSWORD_MAXIMUM = 1024;

/** A code from the app, or a recovery code. */
export class CodeDto {
  @IsString()
  @Length(6, CODE_MAXIMUM)
  code!: string;
}

export class LoginCodeDto extends CodeDto {
  /** `mfaToken` of the login's answer. */
  @IsString()
  @Length(1, 200)
  mfaToken!: string;
}

export class DisableSecondFactorDto extends CodeDto {
  @IsString()
  @Length(1, PASSWORD_MAXIMUM)
  currentPassword!: string;
}

export class StepUpDto {
  @IsString()
  @Length(1, PASSWORD_MAXIMUM)
  currentPassword!: string;

  /** Needed where a second factor is in force. */
  @IsOptional()
  @IsString()
  @Length(6, CODE_MAXIMUM)
  code?: string;
}

export class TotpEnrolmentView {
  /** In base 32, for those who type it. */
  secret!: string;
  /** For a QR code. */
  uri!: string;
}

export class RecoveryCodesView {
  /** Shown now and never again. */
  recoveryCodes!: string[];
}

export class SecondFactorView {
  enabled!: boolean;
  enabledAt!: Date | null;
  recoveryCodesLeft!: number;
}

/** A new access token for the same session. */
export class AccessTokenView {
  accessToken!: string;
  tokenType!: 'Bearer';
  /** Life of the access token, in seconds. */
  expiresIn!: number;
}
