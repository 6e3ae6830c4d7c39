import { createPublicKey, type KeyObject, verify } from 'node:crypto'
import { SallyportError } from '../../core/index.ts'
import { sha256Raw } from '../digest.ts'
import { decodeBase64 } from './base64.ts'

/** Signature type byte of Ed25519 (C2SP signed-note, "Signature types"). */
export const ED25519_TYPE = 0x01

// RFC 8410: the SubjectPublicKeyInfo of Ed25519 is this prefix and the 32 bytes of the key.
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex')

/** Checks the Ed25519 signatures of one key over notes. */
export class NoteVerifier {
  readonly name: string
  /** The 32-bit key id, big-endian. */
  readonly keyId: number
  /** The key in the text form of signed notes: `name+hash+base64`. */
  readonly vkey: string
  readonly #publicKey: KeyObject

  private constructor(name: string, publicKey: Uint8Array) {
    this.name = name
    this.keyId = noteKeyId(name, publicKey)
    this.vkey = `${name}+${hex32(this.keyId)}+${encodeTypedKey(publicKey)}`
    this.#publicKey = createPublicKey({
      key: Buffer.concat([SPKI_PREFIX, publicKey]),
      format: 'der',
      type: 'spki',
    })
  }

  /** @param publicKey the 32 bytes of RFC 8032 */
  static fromPublicKey(name: string, publicKey: Uint8Array): NoteVerifier {
    assertKeyName(name)
    if (publicKey.length !== 32) throw invalidKey('an Ed25519 public key has 32 bytes')
    return new NoteVerifier(name, publicKey)
  }

  /**
   * Reads a verifier key such as `example.com/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k`.
   *
   * @throws {SallyportError} `crypto.note-key-invalid`
   */
  static parse(vkey: string): NoteVerifier {
    // Base64 may hold a plus sign; a name may not.
    const match = /^([^+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)$/u.exec(vkey)
    const [, name, id, encoded] = match ?? []
    if (name === undefined || id === undefined || encoded === undefined) {
      throw invalidKey('it has not the form name+hash+base64')
    }
    const key = decodeBase64(encoded)
    if (key === undefined || key.length !== 33) throw invalidKey('its key is not 33 bytes in base64')
    if (key[0] !== ED25519_TYPE) throw invalidKey('its type is not Ed25519')
    const verifier = NoteVerifier.fromPublicKey(name, key.subarray(1))
    if (hex32(verifier.keyId) !== id) throw invalidKey('its hash does not fit its name and key')
    return verifier
  }

  /** @param signature 64 bytes, without the key id */
  verify(text: string, signature: Uint8Array): boolean {
    return verify(null, Buffer.from(text, 'utf8'), this.#publicKey, signature)
  }
}

/** SHA-256(name || 0x0A || type || public key)[:4]. */
export function noteKeyId(name: string, publicKey: Uint8Array): number {
  return sha256Raw(
    Buffer.concat([Buffer.from(`${name}\n`, 'utf8'), Buffer.of(ED25519_TYPE), publicKey]),
  ).readUInt32BE(0)
}

function encodeTypedKey(publicKey: Uint8Array): string {
  return Buffer.concat([Buffer.of(ED25519_TYPE), publicKey]).toString('base64')
}

function hex32(value: number): string {
  return value.toString(16).padStart(8, '0')
}

/** Non-empty, well-formed, without Unicode spaces, control characters or a plus sign. */
export function isKeyName(name: string): boolean {
  return name.length > 0 && name.isWellFormed() && !/[\s+\p{Cc}\p{Z}]/u.test(name)
}

export function assertKeyName(name: string): void {
  if (!isKeyName(name)) throw invalidKey('a key name has no spaces, control characters or plus signs')
}

function invalidKey(why: string): SallyportError {
  return new SallyportError('crypto.note-key-invalid', `the note key is not valid: ${why}`, {
    kind: 'invalid',
    remedy: 'copy the verifier key again, whole: name, hash and base64 joined by plus signs',
  })
}
