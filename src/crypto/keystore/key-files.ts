import {
  createECDH,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto'
import { sha256 } from '../digest.ts'

/** One secret of the keystore: the file it stands in, how it is made and how it is read. */
export interface KeyFile {
  readonly file: string
  /** The text of a new file. */
  create(): string
  /** The key in a file's text; undefined when the text is damaged in any way. */
  parse(text: string): KeyObject | undefined
}

/** P-256, signs artifacts (OpenSSF Model Signing). */
export const MODEL_SIGNING: KeyFile = keyPairFile('model-signing.key.pem', 'ec')
/** Ed25519, signs the checkpoints of the transparency log. */
export const LOG: KeyFile = keyPairFile('log.key.pem', 'ed25519')

/**
 * A private key as PKCS #8 PEM followed by its public key as SPKI PEM, so that one changed byte is noticed: an Ed25519
 * seed alone has no wrong values. OpenSSL and ssh tools read the first block and ignore the second.
 */
function keyPairFile(file: string, type: 'ec' | 'ed25519'): KeyFile {
  const write = (privateKey: KeyObject) =>
    `${privateKey.export({ format: 'pem', type: 'pkcs8' })}${createPublicKey(privateKey).export({ format: 'pem', type: 'spki' })}`
  return {
    file,
    create() {
      const pair =
        type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
      return write(pair.privateKey)
    },
    parse(text) {
      const [privatePem] = text.split(/(?=-----BEGIN PUBLIC KEY-----)/)
      if (privatePem === undefined) return undefined
      let key: KeyObject
      let rewritten: string
      try {
        key = createPrivateKey({ key: privatePem, format: 'pem', type: 'pkcs8' })
        if (key.asymmetricKeyType !== type) return undefined
        if (type === 'ec' && key.asymmetricKeyDetails?.namedCurve !== 'prime256v1') return undefined
        // An EC private key carries its public half; recomputing it from the scalar catches a damaged scalar.
        rewritten = write(type === 'ec' ? recomputed(key) : key)
      } catch {
        return undefined
      }
      return rewritten === text ? key : undefined
    },
  }
}

/** The same EC key with its public point computed anew from the private scalar. */
function recomputed(key: KeyObject): KeyObject {
  const jwk = key.export({ format: 'jwk' })
  const ecdh = createECDH('prime256v1')
  ecdh.setPrivateKey(Buffer.from(jwk.d ?? '', 'base64url'))
  const point = ecdh.getPublicKey()
  return createPrivateKey({
    format: 'jwk',
    key: {
      ...jwk,
      x: point.subarray(1, 33).toString('base64url'),
      y: point.subarray(33).toString('base64url'),
    },
  })
}

const PEPPER_PREFIX = 'sallyport-pepper-v1'

/** 32 random bytes that key the hashes of API keys, with a checksum. */
export const PEPPER: KeyFile = {
  file: 'pepper.key',
  create: () => writePepper(randomBytes(32)),
  parse(text) {
    const [, encoded] = text.split(':')
    const bytes = Buffer.from(encoded ?? '', 'base64url')
    return bytes.length === 32 && writePepper(bytes) === text ? createSecretKey(bytes) : undefined
  },
}

function writePepper(bytes: Buffer): string {
  const body = `${PEPPER_PREFIX}:${bytes.toString('base64url')}`
  return `${body}:${sha256(body).slice(0, 8)}\n`
}

export const KEY_FILES: readonly KeyFile[] = [MODEL_SIGNING, LOG, PEPPER]
