/** Records, blobs and the ownership of the folder they stand in. */
export { BlobStore, type PutOptions, type ReadOptions, type StoredBlob } from './blobs/index.ts'
export {
  type Database,
  type Migration,
  type OpenDatabaseOptions,
  openDatabase,
} from './database/index.ts'
export { acquireStateLock, type StateLock } from './state-lock.ts'
