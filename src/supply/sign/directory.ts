import { createHash, type KeyObject } from 'node:crypto'
import { lstat } from 'node:fs/promises'
import { basename, relative, resolve, sep } from 'node:path'
import { SallyportError, type Sha256 } from '../../core/index.ts'
import {
  type DirectoryFile,
  isUnsigned,
  type ReadDirectoryOptions,
  readDirectory,
  readFile,
  UNSIGNED_NAMES,
} from '../intake/index.ts'
import { openBundle } from './open-bundle.ts'
import { FILES_SERIALIZATION } from './sign-artifact.ts'
import { signStatement } from './sign-statement.ts'
import { signatureError } from './signature-error.ts'
import type { Resource, Serialization } from './statement.ts'
import type { TrustedKey } from './trusted-key.ts'

export interface SignDirectoryOptions {
  /** Where the signature will stand; left out of it when that is inside the directory. */
  readonly bundlePath?: string
  /** Files or directories to leave out: exact paths relative to the directory, `/`-separated. */
  readonly ignorePaths?: readonly string[]
}

export interface VerifyDirectoryOptions extends SignDirectoryOptions {
  /** Accept files that nobody signed. What is signed must still be there, unaltered. */
  readonly ignoreUnsignedFiles?: boolean
}

export interface VerifiedDirectory {
  readonly keyHint: Sha256
  /** As the signer named the model; informational. */
  readonly subject: string
  readonly signedFiles: number
  /** What is there and is not signed, because the specification, the signer or the caller leaves it out. */
  readonly unsignedPaths: readonly string[]
}

const MAX_ENTRIES = 1_000_000

/**
 * Signs the files of a directory, or a single file, in OpenSSF Model Signing v1.0: method `key`, one SHA-256 a file.
 * @param privateKey EC on P-256, P-384 or P-521.
 * @returns the bundle: JSON in UTF-8. It is the caller's to write.
 * @throws SallyportError `supply.artifact-empty`, `supply.ignore-path-invalid`, and what `readDirectory` throws.
 */
export async function signDirectory(
  directory: string,
  privateKey: KeyObject,
  options: SignDirectoryOptions = {},
): Promise<Buffer> {
  const ignorePaths = ignoredPaths(directory, options)
  const resources: Resource[] = []
  const isExcluded = (path: string) => isUnsigned(path) || ignorePaths.includes(path)
  for await (const file of filesOf(directory, isExcluded)) {
    for await (const resource of resourcesOf(file.path, file.content, FILES_SERIALIZATION))
      resources.push(resource)
  }
  if (resources.length === 0) {
    throw new SallyportError('supply.artifact-empty', 'the directory has no files to sign', {
      kind: 'invalid',
      remedy: 'give the directory that the model stands in',
    })
  }
  const serialization = { ...FILES_SERIALIZATION, ignore_paths: [...UNSIGNED_NAMES, ...ignorePaths] }
  return signStatement(basename(resolve(directory)), resources, serialization, privateKey)
}

/**
 * Verifies a directory, or a single file, against a bundle of method `key` by any implementation of OpenSSF Model Signing v1.0, with the
 * exclusions that it records and the default ones. SHA-256 and BLAKE2b, by files and by shards. No link is followed,
 * whatever the signer allowed.
 *
 * A file of zero bytes has no shard, so a signature by shards says nothing about it: it counts as not signed.
 * @throws SallyportError `supply.signature-…` (refused), and what `readDirectory` throws.
 */
export async function verifyDirectory(
  directory: string,
  bundle: Uint8Array,
  trustedKeys: readonly TrustedKey[],
  options: VerifyDirectoryOptions = {},
): Promise<VerifiedDirectory> {
  const { keyHint, statement } = openBundle(bundle, trustedKeys)
  const { resources, serialization } = statement.predicate
  const unsignedPaths: string[] = []
  const ignorePaths = [...ignoredPaths(directory, options), ...(serialization.ignore_paths ?? [])]
  const isExcluded = (path: string) => {
    const excluded = isUnsigned(path) || ignorePaths.includes(path)
    if (excluded) unsignedPaths.push(path)
    return excluded
  }
  const missing = new Map(resources.map((resource) => [resource.name, resource.digest]))
  if (await isSingleFile(directory)) nameSingleFile(missing, basename(resolve(directory)))
  let signedFiles = 0
  for await (const file of filesOf(directory, isExcluded)) {
    if (await matchFile(file.path, resourcesOf(file.path, file.content, serialization), missing))
      signedFiles += 1
    else if (options.ignoreUnsignedFiles === true) unsignedPaths.push(file.path)
    else throw mismatch('the directory has a file that is not signed', file.path)
  }
  const [absent] = missing.keys()
  if (absent !== undefined) throw mismatch('a signed file is missing or shorter', absent)
  return { keyHint, subject: statement.subject[0].name, signedFiles, unsignedPaths }
}

async function* filesOf(
  location: string,
  isExcluded: NonNullable<ReadDirectoryOptions['isExcluded']>,
): AsyncGenerator<DirectoryFile> {
  if (await isSingleFile(location)) yield* readFile(location, basename(resolve(location)))
  else yield* readDirectory(location, { maxEntries: MAX_ENTRIES, isExcluded })
}

async function isSingleFile(location: string): Promise<boolean> {
  const status = await lstat(location).catch(() => undefined)
  return status?.isFile() === true
}

/** Until version 1.0.0 the reference called a single file `.`; the specification says nothing of it. */
function nameSingleFile(missing: Map<string, string>, name: string): void {
  const digest = missing.get('.')
  if (digest === undefined) return
  missing.delete('.')
  missing.set(name, digest)
}

/** True when every resource of the file is signed, false when none is; strikes them off the list. */
async function matchFile(
  path: string,
  resources: AsyncIterable<Resource>,
  missing: Map<string, string>,
): Promise<boolean> {
  let isSigned = false
  for await (const { name, digest } of resources) {
    const signed = missing.get(name)
    if (signed === undefined && !isSigned) return false
    if (signed !== digest) throw mismatch('a file is not what was signed', path)
    isSigned = true
    missing.delete(name)
  }
  return isSigned
}

/** Sections 6.3.1 and 6.3.2: one resource for the file, or one for each `shard_size` bytes of it. */
async function* resourcesOf(
  path: string,
  content: AsyncIterable<Uint8Array>,
  serialization: Serialization,
): AsyncGenerator<Resource> {
  const algorithm = serialization.hash_type
  const shardBytes = serialization.method === 'shards' ? serialization.shard_size : Number.POSITIVE_INFINITY
  let hash = createHash(opensslName(algorithm))
  let start = 0
  let end = 0
  const resource = () => {
    const name = serialization.method === 'shards' ? `${path}:${start}:${end}` : path
    return { name, digest: hash.digest('hex'), algorithm }
  }
  for await (const piece of content) {
    let rest = piece
    while (rest.byteLength > 0) {
      const part = rest.subarray(0, Math.min(rest.byteLength, start + shardBytes - end))
      hash.update(part)
      end += part.byteLength
      rest = rest.subarray(part.byteLength)
      if (end - start < shardBytes) continue
      yield resource()
      hash = createHash(opensslName(algorithm))
      start = end
    }
  }
  if (serialization.method === 'files' || end > start) yield resource()
}

function opensslName(algorithm: Serialization['hash_type']): string {
  if (algorithm === 'sha256') return 'sha256'
  if (algorithm === 'blake2b') return 'blake2b512'
  throw signatureError('algorithm-unsupported', `the files are signed by their ${algorithm} digests`)
}

function ignoredPaths(directory: string, { bundlePath, ignorePaths = [] }: SignDirectoryOptions): string[] {
  for (const path of ignorePaths) {
    const segments = path.split('/')
    if (!/[*?[\\]/.test(path) && segments.every((part) => part !== '' && part !== '.' && part !== '..'))
      continue
    throw new SallyportError(
      'supply.ignore-path-invalid',
      'a path to leave out is not an exact relative path',
      {
        kind: 'invalid',
        remedy: 'give it relative to the directory, with `/` between its parts and without *, ? or [',
      },
    )
  }
  if (bundlePath === undefined) return [...ignorePaths]
  const inside = relative(resolve(directory), resolve(bundlePath)).split(sep).join('/')
  return inside.startsWith('../') ? [...ignorePaths] : [...ignorePaths, inside]
}

function mismatch(message: string, path: string) {
  const shown = path.replaceAll(/[\p{Cc}\p{Cf}\p{Cs}]/gu, '\ufffd')
  return signatureError('mismatch', `${message}: ${JSON.stringify(shown)}`)
}
