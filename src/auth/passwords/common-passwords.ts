/**
 * Passwords of eight characters and more that head the lists of leaked ones (NIST SP 800-63B-4, section 3.1.1.2), in lower
 * case. Shorter ones are refused by their length.
 */
export const COMMON_PASSWORDS: ReadonlySet<string> = new Set(
  `12345678 123456789 1234567890 12345678910 123123123 11111111 111111111 1111111111 00000000 000000000 0000000000
  88888888 87654321 987654321 9876543210 0987654321 0123456789 1q2w3e4r 1q2w3e4r5t 1q2w3e4r5t6y 1qaz2wsx 1qaz2wsx3edc
  qazwsxedc qwertyui qwertyuiop qwerty12 qwerty123 qwerty1234 qwerty12345 qwertyqwerty qwer1234 asdfasdf asdfghjk asdfghjkl
  asdf1234 zxcvbnm1 zxcvbnm123 zaq12wsx password password1 password12 password123 password1234 password! password1!
  passw0rd p@ssw0rd p@ssword pa55word pa$$word passwort passwort1 motdepasse contrasena admin123 admin1234 admin12345
  administrator adminadmin root1234 rootroot toortoor letmein1 letmein123 welcome1 welcome123 welcome1! changeme changeme1
  changeme123 default1 secret123 secretsecret test1234 test12345 testtest testtest1 testing1 testing123 guest123 user1234
  abcd1234 abc12345 abcdefgh abcdefg1 abcdefghi a1b2c3d4 aa123456 aaaaaaaa a1234567 a12345678 iloveyou iloveyou1 iloveyou2
  sunshine sunshine1 princess princess1 football football1 baseball baseball1 basketball superman superman1 batman123
  trustno1 starwars starwars1 whatever whatever1 computer computer1 internet internet1 michelle jennifer jessica1 michael1
  charlie1 jordan23 liverpool chelsea1 arsenal1 monkey123 dragon123 master123 shadow123 summer2023 summer2024 summer2025
  winter2023 winter2024 winter2025 spring2024 spring2025 autumn2024 company1 company123 samsung1 google123 facebook1
  facebook123 linkedin1 pokemon1 pokemon123 minecraft1 corvette mercedes mustang1 harley123 cheese123 butterfly chocolate
  lovelove lovely123 babygirl babygirl1 blink182 myspace1 q1w2e3r4 q1w2e3r4t5 zxcvbnm, 147258369 159357456 789456123
  741852963 963852741 11223344 112233445566 12121212 12341234 123454321 12344321 55555555 66666666 77777777 99999999
  correcthorsebatterystaple`.split(/\s+/),
);
