import { SallyportError } from '../../core/index.ts'
import { decodeBase64 } from './base64.ts'
import type { NoteSigner } from './signer.ts'
import { isKeyName, type NoteVerifier } from './verifier.ts'

/** C2SP signed-note: a text and who vouches for it (c2sp.org/signed-note). */
export interface OpenedNote {
  /** Ends in a newline. */
  readonly text: string
  /** The known keys whose signatures hold; never empty. */
  readonly signedBy: readonly NoteVerifier[]
}

const MAXIMUM_NOTE_BYTES = 1024 * 1024
const MAXIMUM_SIGNATURES = 64

/**
 * Signs a text.
 *
 * @param text ends in a newline and has no other control character
 * @returns the signed note
 * @throws {SallyportError} `crypto.note-malformed` when the text cannot be signed
 */
export function signNote(text: string, signers: readonly NoteSigner[]): string {
  if (!text.endsWith('\n') || !isNoteText(text)) {
    throw malformed('the text must end in a newline and be well-formed, without other control characters')
  }
  return `${text}\n${signers.map((signer) => signer.signatureLine(text)).join('')}`
}

/**
 * Opens a note: strict in its form, and closed unless a known key signed it. Signatures of unknown keys are ignored, as
 * the specification asks; one of a known key that does not hold refuses the whole note.
 *
 * @throws {SallyportError} `crypto.note-malformed`, `crypto.note-signature-invalid`, `crypto.note-unsigned`
 */
export function openNote(note: string | Uint8Array, verifiers: readonly NoteVerifier[]): OpenedNote {
  const whole = typeof note === 'string' ? note : decodeUtf8(note)
  if (whole.length > MAXIMUM_NOTE_BYTES) throw malformed(`it is longer than ${MAXIMUM_NOTE_BYTES} bytes`)
  if (!isNoteText(whole)) throw malformed('it is not well-formed text without control characters')
  const separator = whole.lastIndexOf('\n\n')
  if (separator === -1) throw malformed('no empty line separates text and signatures')
  const text = whole.slice(0, separator + 1)
  const block = whole.slice(separator + 2)
  if (block === '' || !block.endsWith('\n')) throw malformed('its last line has no newline')
  const lines = block.slice(0, -1).split('\n')
  if (lines.length > MAXIMUM_SIGNATURES) throw malformed(`it has more than ${MAXIMUM_SIGNATURES} signatures`)
  const signedBy: NoteVerifier[] = []
  for (const line of lines) {
    const { name, keyId, signature } = parseSignatureLine(line)
    const verifier = verifiers.find((known) => known.name === name && known.keyId === keyId)
    if (verifier === undefined || signedBy.includes(verifier)) continue
    if (!verifier.verify(text, signature)) {
      throw new SallyportError('crypto.note-signature-invalid', `the signature of ${name} does not hold`, {
        kind: 'refused',
        remedy: 'the note or its signature was changed; fetch it again from its author',
        details: { name },
      })
    }
    signedBy.push(verifier)
  }
  if (signedBy.length === 0) {
    throw new SallyportError('crypto.note-unsigned', 'no known key signed the note', {
      kind: 'refused',
      remedy: 'check that the verifier key is the one of the author of the note',
    })
  }
  return { text, signedBy }
}

function parseSignatureLine(line: string): { name: string; keyId: number; signature: Buffer } {
  const match = /^\u2014 (\S+) (\S+)$/u.exec(line)
  const [, name, encoded] = match ?? []
  if (name === undefined || encoded === undefined || !isKeyName(name)) {
    throw malformed('a signature line has not the form "— name base64"')
  }
  const bytes = decodeBase64(encoded)
  if (bytes === undefined || bytes.length < 5)
    throw malformed('a signature is not base64 of a key id and bytes')
  return { name, keyId: bytes.readUInt32BE(0), signature: bytes.subarray(4) }
}

/** Well-formed, and no ASCII control character but newline. */
function isNoteText(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the specification forbids exactly these
  return text.isWellFormed() && !/[\u0000-\u0009\u000b-\u001f]/.test(text)
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw malformed('it is not UTF-8', cause)
  }
}

function malformed(why: string, cause?: unknown): SallyportError {
  return new SallyportError('crypto.note-malformed', `the signed note is malformed: ${why}`, {
    kind: 'invalid',
    remedy: 'give the note unchanged, with its signature lines',
    cause,
  })
}
