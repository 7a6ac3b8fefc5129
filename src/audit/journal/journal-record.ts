import { crc32 } from 'node:zlib';

/** Length and CRC-32 of the record, each an unsigned 32-bit number, big-endian. */
const FRAME_BYTES = 8;

/** The longest record. A length beyond it is damage, not a length. */
export const MAXIMUM_RECORD_BYTES = 256 * 1024;

/** What a segment holds. */
export interface ReadRecords {
  readonly records: readonly string[];
  /** Records that are all there but fail their checksum; those after them are still read. */
  readonly damaged: number;
  /** Bytes at the end that are no complete record: a write that a crash cut short. */
  readonly tornBytes: number;
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
    // A file system may lengthen a file before it writes it: then zeros stand where a length should.
    if (length === 0 || length > MAXIMUM_RECORD_BYTES || end > bytes.length) break;
    const payload = bytes.subarray(offset + FRAME_BYTES, end);
    if (crc32(payload) === bytes.readUInt32BE(offset + 4)) records.push(payload.toString());
    else damaged++;
    offset = end;
  }
  return { records, damaged, tornBytes: bytes.length - offset };
}
