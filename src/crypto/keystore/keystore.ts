import { createPublicKey, type KeyObject } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { SallyportError } from '../../core/index.ts'
import { NoteSigner } from '../note/index.ts'
import { KEY_FILES, type KeyFile, LOG, MODEL_SIGNING, PEPPER } from './key-files.ts'

export interface ModelSigningKey {
  readonly privateKey: KeyObject
  /** SPKI, with its final newline: exactly the text whose SHA-256 is the hint in an OMS bundle. */
  readonly publicKeyPem: string
}

/** The secrets of one Sallyport: files of mode 0600 in a folder of mode 0700, read once. */
export class Keystore {
  readonly #keys: ReadonlyMap<KeyFile, KeyObject>

  private constructor(keys: ReadonlyMap<KeyFile, KeyObject>) {
    this.#keys = keys
  }

  /**
   * Opens the keystore in `directory`.
   *
   * @param options.create make a new set of keys when the folder is missing or empty. The folder appears whole or not
   *   at all. A folder that holds some keys is never completed: a lost key is an incident, not a first start.
   * @throws {SallyportError} `crypto.keystore-missing`, `crypto.keystore-exposed` (permissions), `crypto.key-missing`,
   *   `crypto.key-damaged`
   */
  static async open(directory: string, options: { readonly create: boolean }): Promise<Keystore> {
    const path = resolve(directory)
    if (await isMissingOrEmpty(path)) {
      if (!options.create) {
        throw new SallyportError('crypto.keystore-missing', `there are no keys in ${path}`, {
          kind: 'not-found',
          remedy:
            'restore the keys folder from its backup; without it logged evidence and signed models are foreign',
          details: { directory: path },
        })
      }
      await createKeystore(path)
    }
    await assertPrivate(path, 'directory')
    const keys = new Map<KeyFile, KeyObject>()
    for (const keyFile of KEY_FILES) keys.set(keyFile, await readKey(join(path, keyFile.file), keyFile))
    return new Keystore(keys)
  }

  /** The P-256 key that signs artifacts. */
  modelSigningKey(): ModelSigningKey {
    const privateKey = this.#key(MODEL_SIGNING)
    const publicKeyPem = createPublicKey(privateKey).export({ format: 'pem', type: 'spki' })
    return { privateKey, publicKeyPem: publicKeyPem.toString() }
  }

  /** The Ed25519 key of the transparency log, under the log's origin as its name. */
  logSigner(origin: string): NoteSigner {
    return new NoteSigner(origin, this.#key(LOG))
  }

  /** The HMAC secret of stored API keys. */
  pepper(): KeyObject {
    return this.#key(PEPPER)
  }

  #key(keyFile: KeyFile): KeyObject {
    const key = this.#keys.get(keyFile)
    if (key === undefined) throw new RangeError(`no key ${keyFile.file}`)
    return key
  }
}

async function isMissingOrEmpty(directory: string): Promise<boolean> {
  try {
    return (await readdir(directory)).length === 0
  } catch (cause) {
    if (hasCode(cause, 'ENOENT')) return true
    throw unreadable(directory, cause)
  }
}

/** Writes all keys into a sibling folder, makes it durable and renames it into place in one step. */
async function createKeystore(directory: string): Promise<void> {
  const parent = dirname(directory)
  const draft = join(parent, `.${basename(directory)}.new`)
  await mkdir(parent, { recursive: true })
  await rm(draft, { recursive: true, force: true })
  await mkdir(draft, { mode: 0o700 })
  for (const keyFile of KEY_FILES) {
    const handle = await open(join(draft, keyFile.file), 'wx', 0o600)
    try {
      await handle.writeFile(keyFile.create())
      await handle.sync()
    } finally {
      await handle.close()
    }
  }
  await syncDirectory(draft)
  // rename(2) replaces an empty folder and refuses one that has filled meanwhile.
  await rename(draft, directory)
  await syncDirectory(parent)
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function assertPrivate(path: string, kind: 'directory' | 'file'): Promise<void> {
  const status = await lstat(path)
  const isRightKind = kind === 'directory' ? status.isDirectory() : status.isFile()
  const isOwn = process.getuid === undefined || status.uid === process.getuid()
  if (isRightKind && isOwn && (status.mode & 0o077) === 0) return
  const mode = kind === 'directory' ? '0700' : '0600'
  const why = !isRightKind
    ? `is not a ${kind}`
    : isOwn
      ? 'can be reached by other users of this machine'
      : 'belongs to another user'
  throw new SallyportError('crypto.keystore-exposed', `${path} ${why}`, {
    kind: 'refused',
    remedy: `make it a ${kind} of this user with mode ${mode}; if others could read it, replace the keys`,
    details: { path, mode: (status.mode & 0o777).toString(8).padStart(4, '0') },
  })
}

async function readKey(path: string, keyFile: KeyFile): Promise<KeyObject> {
  let text: string
  try {
    await assertPrivate(path, 'file')
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      text = await handle.readFile('utf8')
    } finally {
      await handle.close()
    }
  } catch (cause) {
    if (cause instanceof SallyportError) throw cause
    if (!hasCode(cause, 'ENOENT')) throw unreadable(path, cause)
    throw new SallyportError('crypto.key-missing', `the key ${path} is missing`, {
      kind: 'not-found',
      remedy: 'restore the keys folder from its backup; a new key cannot stand in for a lost one',
      details: { path },
    })
  }
  const key = keyFile.parse(text)
  if (key === undefined) {
    throw new SallyportError('crypto.key-damaged', `the key ${path} is damaged`, {
      kind: 'internal',
      remedy: 'restore the keys folder from its backup',
      details: { path },
    })
  }
  return key
}

function unreadable(path: string, cause: unknown): SallyportError {
  return new SallyportError('crypto.keystore-unreadable', `${path} cannot be read`, {
    kind: 'internal',
    remedy: 'check the owner, the permissions and the disk of the keys folder',
    details: { path },
    cause,
  })
}

function hasCode(thrown: unknown, code: string): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === code
}
