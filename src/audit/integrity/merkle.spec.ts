import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { CompactRange, leafHash, MerkleTree, verifyConsistency, verifyInclusion } from './merkle.js';

/** Inputs and roots from the tests of certificate-transparency-go, whose authors also wrote RFC 6962. */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'];
const ROOTS = [
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];

const leaves = INPUTS.map((hex) => Buffer.from(leafHash(Buffer.from(hex, 'hex').toString('latin1')), 'hex'));
const many = (count: number) => Array.from({ length: count }, (_, i) => Buffer.from(leafHash(`leaf ${i}`), 'hex'));

/** A direct implementation of the definition in RFC 6962, section 2.1. */
function definition(of: readonly Buffer[]): Buffer {
  const [only] = of;
  if (of.length === 1 && only) return only;
  let k = 1;
  while (k * 2 < of.length) k *= 2;
  return createHash('sha256')
    .update(Buffer.from([1]))
    .update(definition(of.slice(0, k)))
    .update(definition(of.slice(k)))
    .digest();
}

const at = (all: readonly Buffer[], index: number) => all[index] ?? Buffer.alloc(32);

describe('a Merkle tree', () => {
  it('computes the roots of the published test vectors', () => {
    const range = CompactRange.of();
    expect(range.root().toString('hex')).toBe(createHash('sha256').digest('hex'));
    leaves.forEach((leaf, i) => {
      range.append(leaf);
      expect(range.root().toString('hex')).toBe(ROOTS[i]);
      expect(new MerkleTree(leaves.slice(0, i + 1)).root().toString('hex')).toBe(ROOTS[i]);
    });
  });

  it('computes the proofs of the published test vectors', () => {
    const hex = (proof: Buffer[]) => proof.map((one) => one.toString('hex'));
    const tree = new MerkleTree(leaves);
    expect(hex(tree.inclusionProof(0, 8))).toEqual([
      '96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7',
      '5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e',
      '6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4',
    ]);
    expect(hex(tree.consistencyProof(6, 8))).toEqual([
      '0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a',
      'ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0',
      'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
    ]);
  });

  it('proves the inclusion of each leaf at each size, and rejects wrong proofs', () => {
    const all = many(40);
    const tree = new MerkleTree(all);
    for (let size = 1; size <= all.length; size++) {
      const root = definition(all.slice(0, size));
      expect(tree.root(size)).toEqual(root);
      for (let index = 0; index < size; index++) {
        const proof = tree.inclusionProof(index, size);
        expect(verifyInclusion(at(all, index), index, size, proof, root)).toBe(true);
        expect(verifyInclusion(at(all, (index + 1) % 40), index, size, proof, root)).toBe(false);
        expect(verifyInclusion(at(all, index), (index + 1) % size, size, proof, root)).toBe(size === 1);
        expect(verifyInclusion(at(all, index), index, size, [...proof, root], root)).toBe(false);
        expect(verifyInclusion(at(all, index), index, size, proof.slice(1), root)).toBe(size === 1);
      }
    }
  });

  it('proves the consistency of each pair of sizes, and rejects wrong proofs', () => {
    const all = many(40);
    const tree = new MerkleTree(all);
    const other = new MerkleTree([...many(39), at(all, 0)]);
    for (let size = 1; size <= all.length; size++) {
      for (let from = 1; from <= size; from++) {
        const proof = tree.consistencyProof(from, size);
        expect(verifyConsistency(from, size, tree.root(from), tree.root(size), proof)).toBe(true);
        expect(verifyConsistency(from, size, tree.root(from), other.root(40), proof)).toBe(false);
        expect(verifyConsistency(from, size, at(all, 39), tree.root(size), proof)).toBe(false);
        expect(verifyConsistency(from, size, tree.root(from), tree.root(size), [...proof, at(all, 0)])).toBe(false);
      }
    }
  });

  it('continues and creates proofs from the frontier of removed leaves', () => {
    const all = many(40);
    const whole = new MerkleTree(all);
    for (let start = 0; start < all.length; start++) {
      const range = CompactRange.of();
      for (const leaf of all.slice(0, start)) range.append(leaf);
      const rest = CompactRange.of(start, range.frontier());
      for (const leaf of all.slice(start)) rest.append(leaf);
      expect(rest.root()).toEqual(whole.root());
      const tree = new MerkleTree(all.slice(start), start, range.frontier());
      expect(tree.root()).toEqual(whole.root());
      for (let index = start; index < 40; index++) {
        expect(tree.inclusionProof(index)).toEqual(whole.inclusionProof(index));
        expect(tree.consistencyProof(index)).toEqual(whole.consistencyProof(index));
      }
    }
  });

  it('rejects a frontier of another size, and indexes of unknown leaves', () => {
    expect(() => CompactRange.of(3, Buffer.alloc(32))).toThrow(RangeError);
    expect(() => new MerkleTree(many(4)).inclusionProof(4)).toThrow(RangeError);
    expect(() => new MerkleTree(many(4)).consistencyProof(5)).toThrow(RangeError);
  });
});
