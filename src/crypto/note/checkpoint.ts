import { SallyportError } from '../../core/index.ts'
import { decodeBase64 } from './base64.ts'
import { openNote, signNote } from './note.ts'
import type { NoteSigner } from './signer.ts'
import type { NoteVerifier } from './verifier.ts'

/** A log's tree head: C2SP tlog-checkpoint. */
export interface Checkpoint {
  readonly origin: string
  /** Number of leaves. */
  readonly size: number
  /** RFC 6962 root, 32 bytes. */
  readonly root: Buffer
}

export function signCheckpoint(checkpoint: Checkpoint, signer: NoteSigner): string {
  const { origin, size, root } = checkpoint
  return signNote(`${origin}\n${size}\n${root.toString('base64')}\n`, [signer])
}

/**
 * Opens a signed checkpoint. Extension lines are refused: Sallyport writes none, and none are auditable.
 *
 * @throws {SallyportError} what `openNote` throws, `crypto.checkpoint-malformed`, `crypto.checkpoint-origin`
 */
export function openCheckpoint(
  note: string | Uint8Array,
  verifier: NoteVerifier,
  origin: string,
): Checkpoint {
  const { text } = openNote(note, [verifier])
  const [first, sizeText, rootText, ...rest] = text.split('\n')
  if (first === undefined || sizeText === undefined || rootText === undefined) throw malformed()
  if (rest.length !== 1 || rest[0] !== '' || !/^(?:0|[1-9][0-9]{0,15})$/.test(sizeText)) throw malformed()
  const size = Number(sizeText)
  const root = decodeBase64(rootText)
  if (!Number.isSafeInteger(size) || root?.length !== 32) throw malformed()
  if (first !== origin) {
    throw new SallyportError('crypto.checkpoint-origin', 'the checkpoint is of another log', {
      kind: 'refused',
      remedy: 'check that the log and the verifier key belong together',
      details: { expected: origin, found: first },
    })
  }
  return { origin, size, root }
}

function malformed(): SallyportError {
  return new SallyportError(
    'crypto.checkpoint-malformed',
    'the checkpoint is not exactly an origin, a size and a root hash',
    { kind: 'invalid', remedy: 'fetch the checkpoint again from the log' },
  )
}
