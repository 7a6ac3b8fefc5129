/** Requests for the routes that the tests of smuggling serve. */
export const POST = 'POST /v1/smuggling/target HTTP/1.1\r\nHost: x\r\n';
export const JSON_TYPE = 'Content-Type: application/json\r\n';
/** No test sends this request directly. */
export const HIDDEN = 'GET /v1/smuggling/smuggled HTTP/1.1\r\nHost: x\r\n\r\n';
export const CHUNKED = `${POST}${JSON_TYPE}Transfer-Encoding: chunked\r\n\r\n`;

/** Requests whose end two servers can see at different positions. Each has another request behind it or inside it. */
export const SHAPES: [what: string, bytes: string][] = [
  ['both lengths', `${POST}${JSON_TYPE}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  [
    'both lengths, the other first',
    `${POST}${JSON_TYPE}Transfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'two different lengths',
    `${POST}${JSON_TYPE}Content-Length: 2\r\nContent-Length: ${2 + HIDDEN.length}\r\n\r\n{}${HIDDEN}`,
  ],
  ['the same length twice', `${POST}${JSON_TYPE}Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`],
  ['a list of lengths', `${POST}${JSON_TYPE}Content-Length: 2, 2\r\n\r\n{}${HIDDEN}`],
  ['a length with a sign', `${POST}${JSON_TYPE}Content-Length: +2\r\n\r\n{}${HIDDEN}`],
  ['a negative length', `${POST}${JSON_TYPE}Content-Length: -1\r\n\r\n{}${HIDDEN}`],
  ['a hexadecimal length', `${POST}${JSON_TYPE}Content-Length: 0x2\r\n\r\n{}${HIDDEN}`],
  ['a length beyond all numbers', `${POST}${JSON_TYPE}Content-Length: 99999999999999999999999\r\n\r\n{}${HIDDEN}`],
  ['an empty length', `${POST}${JSON_TYPE}Content-Length: \r\n\r\n${HIDDEN}`],
  ['a space before the colon', `${POST}${JSON_TYPE}Content-Length : 2\r\n\r\n{}${HIDDEN}`],
  ['a tab before the colon', `${POST}${JSON_TYPE}Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  [
    'a coding twice',
    `${POST}${JSON_TYPE}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  [
    'two codings',
    `${POST}${JSON_TYPE}Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ['a coding after chunked', `${POST}${JSON_TYPE}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['a coding before chunked', `${POST}${JSON_TYPE}Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['a coding nobody knows', `${POST}${JSON_TYPE}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['identity', `${POST}${JSON_TYPE}Transfer-Encoding: identity\r\n\r\n${HIDDEN}`],
  ['a vertical tab before chunked', `${POST}${JSON_TYPE}Transfer-Encoding: \u000bchunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['quotes around chunked', `${POST}${JSON_TYPE}Transfer-Encoding: "chunked"\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['a folded coding', `${POST}${JSON_TYPE}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['a folded header (obs-fold)', `${POST}X-Fold: a\r\n b\r\n\r\n${HIDDEN}`],
  ['a line feed alone after a header', `${POST}X-One: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['line feeds alone', `POST /v1/smuggling/target HTTP/1.1\nHost: x\n\n${HIDDEN}`],
  ['a carriage return alone', `${POST}X-One: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`],
  ['NUL in a header', `${POST}X-One: a\0b\r\n\r\n${HIDDEN}`],
  ['a header without a name', `${POST}: chunked\r\n\r\n${HIDDEN}`],
  ['a header without a colon', `${POST}Transfer-Encoding chunked\r\n\r\n${HIDDEN}`],
  ['two hosts', `${POST}Host: y\r\n\r\n${HIDDEN}`],
  ['a host that is none', `POST /v1/smuggling/target HTTP/1.1\r\nHost: x/y?z\r\n\r\n${HIDDEN}`],
  ['no host', `POST /v1/smuggling/target HTTP/1.1\r\n\r\n${HIDDEN}`],
  ['two types of content', `${POST}${JSON_TYPE}Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}${HIDDEN}`],
  ['two tokens', `${POST}Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n${HIDDEN}`],
  [
    'chunks in HTTP/1.0',
    `POST /v1/smuggling/target HTTP/1.0\r\nHost: x\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  ],
  ['a chunk that is no number', `${CHUNKED}zz\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['a chunk with 0x', `${CHUNKED}0x2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['a negative chunk', `${CHUNKED}-2\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['a chunk that is longer than it says', `${CHUNKED}1\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['a chunk beyond all numbers', `${CHUNKED}fffffffffffffffff\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['chunks with line feeds alone', `${CHUNKED}2\n{}\n0\n\n${HIDDEN}`],
  ['a line feed in a chunk extension', `${CHUNKED}2;a\nb\r\n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['spaces after the size of a chunk', `${CHUNKED}2 \n{}\r\n0\r\n\r\n${HIDDEN}`],
  ['a length in the trailer', `${CHUNKED}2\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n${HIDDEN}`],
  ['HTTP/0.9', `GET /v1/smuggling/smuggled\r\n\r\n${HIDDEN}`],
  ['HTTP/2.0 in the words of HTTP/1.1', `POST /v1/smuggling/target HTTP/2.0\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['HTTP/1.2', `POST /v1/smuggling/target HTTP/1.2\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['a space in the target', `GET /v1/smuggling /smuggled HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['the preface of HTTP/2', `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`],
  ['a tunnel', `CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`],
  ['TLS', `\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc${HIDDEN}`],
];

/** Text inside or behind a request that looks like another request, but must not be handled as one. */
export const INNOCENT: [what: string, bytes: string, status: number][] = [
  [
    'what follows a request that asks to close',
    `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n${HIDDEN}`,
    200,
  ],
  [
    'a body with a length',
    `${POST}${JSON_TYPE}Content-Length: ${HIDDEN.length}\r\nConnection: close\r\n\r\n${HIDDEN}`,
    400,
  ],
  [
    'a chunk',
    `${POST}${JSON_TYPE}Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n${HIDDEN.length.toString(16)}\r\n${HIDDEN}\r\n0\r\n\r\n`,
    400,
  ],
  [
    'the body of a GET',
    `GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: ${HIDDEN.length}\r\nConnection: close\r\n\r\n${HIDDEN}`,
    200,
  ],
  [
    'a request to change to HTTP/2',
    `GET /livez HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n`,
    200,
  ],
];
