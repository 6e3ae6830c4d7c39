import { type EventId, SallyportError, type Sha256 } from '../core/index.ts'
import {
  formatTlogProof,
  inclusionProof,
  leafHash,
  NoteVerifier,
  openCheckpoint,
  parseTlogProof,
  type SubtreeReader,
  verifyInclusion,
} from '../crypto/index.ts'
import { corrupt } from './errors.ts'
import type { LoggedEvent } from './event.ts'
import { LEVEL_FILES } from './files.ts'
import { parseLeaf } from './leaf.ts'
import type { LeafBytes } from './log-reader.ts'

/** That an event stands in the log, for anybody who has the log's verifier key. */
export interface Proof {
  readonly eventId: EventId
  readonly index: number
  /** Leaves of the tree that the proof's checkpoint signs. */
  readonly size: number
  /** C2SP tlog-proof with the entry as its extra data. Public: it holds no salt and no private value. */
  readonly text: string
}

export interface VerifiedProof extends LoggedEvent {
  readonly origin: string
  readonly index: number
  readonly size: number
  readonly leafHash: Sha256
}

/** @throws {SallyportError} `audit.log-corrupt` when the stored hashes do not prove the entry */
export async function buildProof(
  leaf: LeafBytes,
  eventId: EventId,
  tree: { readonly size: number; readonly root: Buffer; readonly checkpoint: string },
  read: SubtreeReader,
): Promise<Proof> {
  const { size, root, checkpoint } = tree
  const path = await inclusionProof(leaf.index, size, read)
  if (!verifyInclusion({ index: leaf.index, size, leafHash: leaf.hash, root, proof: path })) {
    throw corrupt('the stored hashes do not lead from the entry to the signed root', {
      file: LEVEL_FILES[0] ?? '',
      index: leaf.index,
    })
  }
  const text = formatTlogProof({ extra: leaf.bytes, index: leaf.index, path, checkpoint })
  return { eventId, index: leaf.index, size, text }
}

/**
 * Checks a proof with nothing but the log's verifier key. The origin is the name of that key.
 *
 * @param proofText as `prove` gave it
 * @throws {SallyportError} `crypto.proof-malformed`, `crypto.note-…`, `crypto.checkpoint-…`, `audit.proof-invalid`
 */
export function verifyProof(proofText: string, vkey: string): VerifiedProof {
  const verifier = NoteVerifier.parse(vkey)
  const proof = parseTlogProof(proofText)
  const { origin, size, root } = openCheckpoint(proof.checkpoint, verifier, verifier.name)
  if (proof.extra === undefined) throw invalid('it does not carry its entry')
  const hash = leafHash(proof.extra)
  if (!verifyInclusion({ index: proof.index, size, leafHash: hash, root, proof: proof.path })) {
    throw invalid('its entry does not lead to the signed root')
  }
  const event = parseLeaf(proof.extra)
  if (event === undefined) throw invalid('its entry is not an event of this log')
  return { ...event, origin, index: proof.index, size, leafHash: hash.toString('hex') as Sha256 }
}

function invalid(why: string): SallyportError {
  return new SallyportError('audit.proof-invalid', `the proof does not hold: ${why}`, {
    kind: 'refused',
    remedy: 'ask for the proof again; if it fails again, the event is not in the log that this key signs',
  })
}
