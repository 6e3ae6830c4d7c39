import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { SallyportError } from '../../core/index.ts'
import { NoteVerifier } from './verifier.ts'

/** Signs notes under a key name with Ed25519. */
export class NoteSigner {
  readonly name: string
  readonly verifier: NoteVerifier
  readonly #privateKey: KeyObject
  readonly #linePrefix: string
  readonly #signature: Buffer

  /**
   * @param name of the key: for a log its origin, a schema-less URL without spaces and plus signs
   * @param privateKey Ed25519
   * @throws {SallyportError} `crypto.note-key-invalid`
   */
  constructor(name: string, privateKey: KeyObject) {
    if (privateKey.asymmetricKeyType !== 'ed25519' || privateKey.type !== 'private') {
      throw new SallyportError('crypto.note-key-invalid', 'the note key is not an Ed25519 private key', {
        kind: 'invalid',
        remedy: 'give an Ed25519 private key; `openssl genpkey -algorithm ed25519` makes one',
      })
    }
    const spki = createPublicKey(privateKey).export({ format: 'der', type: 'spki' })
    this.name = name
    this.verifier = NoteVerifier.fromPublicKey(name, spki.subarray(spki.length - 32))
    this.#privateKey = privateKey
    this.#linePrefix = `\u2014 ${name} `
    this.#signature = Buffer.alloc(68)
    this.#signature.writeUInt32BE(this.verifier.keyId)
  }

  /** @param seed the 32 bytes of RFC 8032 */
  static fromSeed(name: string, seed: Uint8Array): NoteSigner {
    // RFC 8410: the PKCS #8 form of an Ed25519 key is this prefix and the seed.
    const prefix = Buffer.from('302e020100300506032b657004220420', 'hex')
    return new NoteSigner(
      name,
      createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' }),
    )
  }

  /** The public half in text form, to be handed to whoever verifies. */
  get vkey(): string {
    return this.verifier.vkey
  }

  /** One signature line over `text`, ending in a newline. */
  signatureLine(text: string): string {
    sign(null, Buffer.from(text, 'utf8'), this.#privateKey).copy(this.#signature, 4)
    return `${this.#linePrefix}${this.#signature.toString('base64')}\n`
  }
}
