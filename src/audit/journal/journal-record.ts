import { crc32 } from 'node:zlib';

/** A frame is the length and the CRC-32 of the record, each an unsigned 32-bit number, big-endian. */
const FRAME_BYTES = 8;

/** Maximum length of a record. A larger length in a file means that the file is damaged. */
export const MAX_RECORD_BYTES = 256 * 1024;

/** The content of a segment. */
export interface ReadRecords {
  readonly records: readonly string[];
  /** Number of complete records with a wrong checksum. The records after them are still read. */
  readonly damaged: number;
  /** Bytes at the end that are not a complete record, because a crash interrupted the write. */
  readonly incompleteBytes: number;
}

export function encodeRecord(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const framed = Buffer.allocUnsafe(FRAME_BYTES + length);
  framed.write(text, FRAME_BYTES);
  framed.writeUInt32BE(length, 0);
  framed.writeUInt32BE(crc32(framed.subarray(FRAME_BYTES)), 4);
  return framed;
}

export function readRecords(bytes: Buffer): ReadRecords {
  const records: string[] = [];
  let damaged = 0;
  let offset = 0;
  while (offset + FRAME_BYTES <= bytes.length) {
    const length = bytes.readUInt32BE(offset);
    const end = offset + FRAME_BYTES + length;
    // A file system may extend a file before it writes the data. The length is zero in that case.
    if (length === 0 || length > MAX_RECORD_BYTES || end > bytes.length) break;
    const payload = bytes.subarray(offset + FRAME_BYTES, end);
    if (crc32(payload) === bytes.readUInt32BE(offset + 4)) records.push(payload.toString());
    else damaged++;
    offset = end;
  }
  return { records, damaged, incompleteBytes: bytes.length - offset };
}
