import { SallyportError, type Sha256 } from '../../core/index.ts'

export function blobMissing(sha256: Sha256): SallyportError {
  return new SallyportError('storage.blob-missing', `there is no blob ${sha256}`, {
    kind: 'not-found',
    remedy: 'restore it from a backup, or push the artifact again',
    details: { sha256 },
  })
}

export function blobCorrupt(sha256: Sha256): SallyportError {
  return new SallyportError(
    'storage.blob-corrupt',
    `the stored bytes of ${sha256} are not those that were put`,
    {
      kind: 'refused',
      remedy:
        'find out who or what changed the file, then restore it from a backup or push the artifact again',
      details: { sha256 },
    },
  )
}

/** What stands at the blob's name is a link, a device, a folder, or a file that has another name elsewhere. */
export function blobUntrusted(sha256: Sha256, found: string): SallyportError {
  return new SallyportError(
    'storage.blob-untrusted',
    `blob ${sha256} is ${found}, which Sallyport never makes`,
    {
      kind: 'refused',
      remedy: 'find out who put it there, remove it, then restore the blob or push the artifact again',
      details: { sha256, found },
    },
  )
}

export function blobTooLarge(maxBytes: number): SallyportError {
  return new SallyportError('storage.blob-too-large', `the bytes are more than ${maxBytes}`, {
    kind: 'too-large',
    remedy: 'raise the limit if it is meant to be that large',
    details: { maxBytes },
  })
}

export function digestMismatch(expected: Sha256, actual: Sha256): SallyportError {
  return new SallyportError('storage.digest-mismatch', `the bytes hash to ${actual}, not to ${expected}`, {
    kind: 'refused',
    remedy: 'send the bytes that were announced; nothing was kept',
    details: { expected, actual },
  })
}

export function storeUntrusted(path: string, found: string): SallyportError {
  return new SallyportError(
    'storage.blob-store-untrusted',
    `${path} is ${found}, not a folder of the blob store`,
    {
      kind: 'refused',
      remedy: 'find out who put it there and restore the folder from a backup',
      details: { path, found },
    },
  )
}

/** Runs something that touches only the store's disk, and types what it throws. */
export async function onDisk<Result>(directory: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work()
  } catch (thrown) {
    throw toDiskError(thrown, directory)
  }
}

function toDiskError(thrown: unknown, directory: string): unknown {
  const code = thrown instanceof Error && 'code' in thrown ? thrown.code : undefined
  if (thrown instanceof SallyportError || typeof code !== 'string') return thrown
  // EFBIG: over the process's limit on the size of a file.
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new SallyportError('storage.disk-full', `there is no space left in ${directory}`, {
      kind: 'unavailable',
      remedy: 'free space on that disk, or raise the file size limit of the process; nothing was kept',
      details: { directory },
      cause: thrown,
    })
  }
  if (!/^E[A-Z0-9]+$/.test(code)) return thrown
  return new SallyportError('storage.disk-failed', `${directory} could not be read or written`, {
    kind: 'unavailable',
    remedy: 'see that this user may write there and that the disk is sound',
    details: { directory, errno: code },
    cause: thrown,
  })
}
