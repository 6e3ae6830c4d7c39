/** Digests, canonical JSON, signatures, signed notes, Merkle trees and the keystore. */
export { canonicalJson, type JsonValue, manifestBytes, manifestId } from './canonical-json.ts'
export { sha256, sha256Raw } from './digest.ts'
export { preAuthenticationEncoding } from './dsse.ts'
export { Keystore, type ModelSigningKey } from './keystore/index.ts'
export {
  type ConsistencyClaim,
  consistencyProof,
  EMPTY_ROOT,
  HASH_BYTES,
  type HashText,
  type InclusionClaim,
  inclusionProof,
  leafHash,
  MerkleFrontier,
  nodeHash,
  nodeHashText,
  type OnComplete,
  type Subtree,
  type SubtreeReader,
  verifyConsistency,
  verifyInclusion,
} from './merkle/index.ts'
export {
  type Checkpoint,
  NoteSigner,
  NoteVerifier,
  type OpenedNote,
  openCheckpoint,
  openNote,
  signCheckpoint,
  signNote,
} from './note/index.ts'
export { formatTlogProof, parseTlogProof, type TlogProof } from './tlog-proof.ts'
